# Copy to staging.tfvars or production.tfvars, which git ignores.
account_id  = "00000000000000000000000000000000"
zone_id     = "00000000000000000000000000000000"
environment = "staging"
edge_host   = "api.example.com"
nodes_host  = "nodes.example.com"
