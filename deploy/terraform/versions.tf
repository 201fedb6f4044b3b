# The state holds every secret of a deployment: keep it where only operators read it, encrypted. Name such a
# place in a file backend.tf beside this one; without one the state is a file on this machine.
terraform {
  required_version = ">= 1.9"
  required_providers {
    cloudflare = {
      source  = "cloudflare/cloudflare"
      version = "5.14.0"
    }
    random = {
      source  = "hashicorp/random"
      version = "3.7.2"
    }
  }
}

# Its token is CLOUDFLARE_API_TOKEN.
provider "cloudflare" {}
