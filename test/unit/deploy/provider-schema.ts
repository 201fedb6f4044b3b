/** What a resource takes, as a provider's own schema says it. */
export interface BlockSchema {
  readonly required: readonly string[];
  readonly optional: readonly string[];
  /** What it gives beside those. */
  readonly readable: readonly string[];
  /** Attributes with attributes of their own. */
  readonly nested?: Readonly<Record<string, BlockSchema>>;
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}

function block(
  required: string,
  optional = "",
  readable = "id",
  nested: Readonly<Record<string, BlockSchema>> = {},
): BlockSchema {
  return {
    required: words(required),
    optional: words(optional),
    readable: words(readable),
    nested,
  };
}

/** The versions that these tables are of: the configuration is pinned to them. */
export const PROVIDER_VERSIONS: Readonly<Record<string, string>> = {
  "cloudflare/cloudflare": "5.14.0",
  "hashicorp/random": "3.7.2",
};

/** Of the resources that are used here, as `terraform providers schema` lists them. */
export const RESOURCES: Readonly<Record<string, BlockSchema>> = {
  cloudflare_worker: block(
    "account_id name",
    "logpush observability subdomain tags tail_consumers",
    "created_on id references updated_on",
  ),
  cloudflare_workers_custom_domain: block("account_id hostname service zone_id", "environment"),
  cloudflare_d1_database: block(
    "account_id name",
    "jurisdiction primary_location_hint read_replication",
    "created_at file_size id num_tables uuid version",
  ),
  cloudflare_queue: block(
    "account_id queue_name",
    "settings",
    "consumers consumers_total_count created_on id modified_on producers producers_total_count queue_id",
    { settings: block("", "delivery_delay delivery_paused message_retention_period") },
  ),
  cloudflare_zero_trust_tunnel_cloudflared: block(
    "account_id name",
    "config_src tunnel_secret",
    "account_tag connections conns_active_at conns_inactive_at created_at deleted_at id remote_config status tun_type",
  ),
  cloudflare_zero_trust_tunnel_cloudflared_config: block(
    "account_id tunnel_id",
    "config source",
    "created_at id version",
    {
      config: block("", "ingress origin_request", "", {
        ingress: block("service", "hostname origin_request path", ""),
      }),
    },
  ),
  cloudflare_dns_record: block(
    "name ttl type zone_id",
    "comment content data priority proxied settings tags",
    "comment_modified_on created_on id meta modified_on proxiable tags_modified_on",
  ),
  random_password: block(
    "length",
    "keepers lower min_lower min_numeric min_special min_upper numeric override_special special upper",
    "bcrypt_hash id result",
  ),
};

/** Of the data sources. */
export const DATA_SOURCES: Readonly<Record<string, BlockSchema>> = {
  cloudflare_zero_trust_tunnel_cloudflared_token: block("account_id tunnel_id", "", "token"),
};

/** What Terraform itself takes in every resource. */
export const META_ARGUMENTS = block("", "count depends_on for_each lifecycle provider", "", {
  lifecycle: block("", "create_before_destroy ignore_changes prevent_destroy replace_triggered_by"),
});
/** In a variable. */
export const VARIABLE = block("type description", "default sensitive validation", "", {
  validation: block("condition error_message"),
});
/** In an output. */
export const OUTPUT = block("value description", "sensitive depends_on");
/** At the top of a file. */
export const FILE = block("", "data locals output provider resource terraform variable");
/** In the `terraform` block. */
export const SETTINGS: BlockSchema = block("required_version required_providers", "backend", "", {
  required_providers: block("cloudflare random", "", "", {
    cloudflare: block("source version"),
    random: block("source version"),
  }),
});
