# One source for what edge and pool share. Replacing one: `terraform apply -replace 'random_password.secret["NAME"]'`,
# then hand the outputs out again, as at first (deploy/README.md).
resource "random_password" "secret" {
  for_each = toset(["OPERATOR_SECRET", "KEY_TAG_SECRET", "GRANT_SECRET", "SCALING_SECRET"])
  length   = 64
  special  = false
}

locals {
  generated_secrets = { for name, password in random_password.secret : name => password.result }
  given_secrets = {
    for name, value in { STRIPE_WEBHOOK_SECRET = var.stripe_webhook_secret } : name => value if value != ""
  }
}
