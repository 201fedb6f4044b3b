variable "account_id" {
  description = "Cloudflare account."
  type        = string
  validation {
    condition     = can(regex("^[0-9a-f]{32}$", var.account_id))
    error_message = "account_id is 32 hexadecimal digits."
  }
}

variable "zone_id" {
  description = "Cloudflare zone that both host names are in."
  type        = string
  validation {
    condition     = can(regex("^[0-9a-f]{32}$", var.zone_id))
    error_message = "zone_id is 32 hexadecimal digits."
  }
}

variable "environment" {
  description = "Environment of wrangler.toml that this deployment is of."
  type        = string
  validation {
    condition     = contains(["staging", "production"], var.environment)
    error_message = "environment is staging or production."
  }
}

variable "edge_host" {
  description = "Host name of the API."
  type        = string
}

variable "nodes_host" {
  description = "Host name under which the edge finds the nodes."
  type        = string
}

variable "stripe_webhook_secret" {
  description = "Signs Stripe's events; empty for a deployment without payments."
  type        = string
  default     = ""
  sensitive   = true
}
