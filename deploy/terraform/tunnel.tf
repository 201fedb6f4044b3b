# The edge's way to the nodes: the cluster dials out, the gateway pod finds the node by its address.
resource "cloudflare_zero_trust_tunnel_cloudflared" "nodes" {
  account_id = var.account_id
  name       = "${local.worker_name}-nodes"
  config_src = "cloudflare"
}

resource "cloudflare_zero_trust_tunnel_cloudflared_config" "nodes" {
  account_id = var.account_id
  tunnel_id  = cloudflare_zero_trust_tunnel_cloudflared.nodes.id
  config = {
    ingress = [
      {
        hostname = var.nodes_host
        # The proxy container beside the tunnel's, in the same pod.
        service = "http://localhost:8080"
      },
      {
        service = "http_status:404"
      },
    ]
  }
}

resource "cloudflare_dns_record" "nodes" {
  zone_id = var.zone_id
  name    = var.nodes_host
  type    = "CNAME"
  content = "${cloudflare_zero_trust_tunnel_cloudflared.nodes.id}.cfargotunnel.com"
  proxied = true
  ttl     = 1 # automatic
}

data "cloudflare_zero_trust_tunnel_cloudflared_token" "nodes" {
  account_id = var.account_id
  tunnel_id  = cloudflare_zero_trust_tunnel_cloudflared.nodes.id
}
