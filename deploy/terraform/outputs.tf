output "edge_host" {
  description = "For deploy/kubernetes/base/pool.env."
  value       = var.edge_host
}

output "nodes_host" {
  description = "For deploy/kubernetes/base/pool.env."
  value       = var.nodes_host
}

output "worker_secrets" {
  description = "For `wrangler deploy --secrets-file`."
  value       = merge(local.generated_secrets, local.given_secrets)
  sensitive   = true
}

output "grant_secret" {
  description = "For the nodes."
  value       = local.generated_secrets["GRANT_SECRET"]
  sensitive   = true
}

output "scaling_secret" {
  description = "For the autoscaler."
  value       = local.generated_secrets["SCALING_SECRET"]
  sensitive   = true
}

output "tunnel_token" {
  description = "For the gateway."
  value       = data.cloudflare_zero_trust_tunnel_cloudflared_token.nodes.token
  sensitive   = true
}
