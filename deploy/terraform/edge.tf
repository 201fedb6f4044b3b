# What the Worker lives with. Its code, its bindings and its settings are wrangler.toml's, and
# `wrangler deploy` brings them: names are where the two meet.
locals {
  worker_name = "unmask-${var.environment}"
}

resource "cloudflare_worker" "edge" {
  account_id = var.account_id
  name       = local.worker_name

  lifecycle {
    # Accounts and their money are in its Durable Objects.
    prevent_destroy = true
    ignore_changes  = [observability, subdomain]
  }
}

resource "cloudflare_workers_custom_domain" "edge" {
  account_id = var.account_id
  zone_id    = var.zone_id
  hostname   = var.edge_host
  service    = cloudflare_worker.edge.name
}

# Every movement of money, for reports.
resource "cloudflare_d1_database" "usage" {
  account_id = var.account_id
  name       = "${local.worker_name}-usage"

  lifecycle {
    prevent_destroy = true
  }
}

resource "cloudflare_queue" "usage" {
  account_id = var.account_id
  queue_name = "${local.worker_name}-usage"
  settings = {
    message_retention_period = 1209600 # two weeks, in seconds
  }
}

# What twenty tries could not write.
resource "cloudflare_queue" "usage_dead" {
  account_id = var.account_id
  queue_name = "${local.worker_name}-usage-dead"
  settings = {
    message_retention_period = 1209600
  }
}
