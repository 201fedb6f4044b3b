/**
 * What `wrangler.toml` binds, as workerd's own configuration says it: Durable Objects and their
 * storage, and the queue and the tables by the services that workerd brings along.
 */
import { join } from "node:path";
import { unstable_readConfig } from "wrangler";
import { REPOSITORY_ROOT } from "../../../deploy/local/paths.ts";

/** The part of `wrangler.toml` that is used here. */
interface WorkerSettings {
  readonly compatibility_date: string;
  readonly vars: Readonly<Record<string, string>>;
  readonly durable_objects: {
    readonly bindings: readonly { readonly name: string; readonly class_name: string }[];
  };
  readonly queues: {
    readonly producers: readonly { readonly binding: string; readonly queue: string }[];
    readonly consumers: readonly QueueConsumer[];
  };
  readonly d1_databases: readonly { readonly binding: string; readonly database_id: string }[];
}

interface QueueConsumer {
  readonly queue: string;
  readonly max_batch_size: number;
  readonly max_batch_timeout: number;
  readonly max_retries: number;
  readonly retry_delay: number;
}

/**
 * Writes the configuration of a Worker of `moduleNames`, files beside it of which the first is its
 * entry, with all state in `stateDirectory`.
 *
 * @param bindings Variables and secrets beside those of `wrangler.toml`.
 * @returns Text of a Cap'n Proto file. Its socket is named `http`; it needs `--experimental`.
 */
export function toWorkerdConfig(
  moduleNames: readonly string[],
  stateDirectory: string,
  bindings: Readonly<Record<string, string>>,
): string {
  const toml: WorkerSettings = unstable_readConfig({
    config: join(REPOSITORY_ROOT, "wrangler.toml"),
  });
  const { vars, durable_objects: objects, queues, d1_databases: databases } = toml;
  const allBindings = [
    ...Object.entries({ ...vars, ...bindings }).map(([name, value]) =>
      bind(name, `text = ${quote(value)}`),
    ),
    ...objects.bindings.map((object) =>
      bind(object.name, `durableObjectNamespace = ${quote(object.class_name)}`),
    ),
    ...queues.producers.map(({ binding, queue }) =>
      bind(binding, `queue = (name = "queues", props = (json = ${quoteJson({ queue })}))`),
    ),
    ...databases.map(({ binding, database_id: database }) =>
      bind(binding, wrapDatabase(quoteJson({ database }))),
    ),
  ];
  const classes = objects.bindings.map((object) => object.class_name);
  const modules = moduleNames.map((name) => `(name = "${name}", esModule = embed "${name}")`);
  const main = `modules = [${modules.join(", ")}],
      compatibilityDate = ${quote(toml.compatibility_date)},
      bindings = [${allBindings.join(", ")}],
      ${storeObjects(classes)}`;
  const services = [
    `(name = "main", worker = (${main}))`,
    `(name = "queues", worker = (${toQueues(queues.consumers)}))`,
    `(name = "tables", worker = (${TABLES}))`,
    // The upstream listens on the loopback interface, which a Worker may not reach by default.
    `(name = "internet", network = (allow = ["public", "private"]))`,
    `(name = "state", disk = (path = ${quote(stateDirectory)}, writable = true))`,
  ];
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    ${services.join(",\n    ")}
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")]
);
`;
}

/** The date from which workerd's own services have what they need. */
const SERVICE_DATE = "2026-01-01";

const TABLES = `modules = [(name = "d1.js", bundled = "/workerd/d1.js")],
      compatibilityDate = "${SERVICE_DATE}",
      bindings = [${bind("DATABASE", 'durableObjectNamespace = "D1Database"')}],
      ${storeObjects(["D1Database"])}`;

function toQueues(consumers: readonly QueueConsumer[]): string {
  const settings = consumers.map((consumer) => [
    consumer.queue,
    {
      consumer: "CONSUMER",
      maxBatchSize: consumer.max_batch_size,
      maxBatchTimeout: consumer.max_batch_timeout,
      maxRetries: consumer.max_retries,
      retryDelay: consumer.retry_delay,
    },
  ]);
  const bindings = [
    bind("SHARD", 'durableObjectNamespace = "QueueShard"'),
    bind("CONSUMERS", `json = ${quoteJson(Object.fromEntries(settings))}`),
    bind("CONSUMER", 'service = "main"'),
  ];
  return `modules = [(name = "queues.js", bundled = "/workerd/queues.js")],
      compatibilityDate = "${SERVICE_DATE}",
      compatibilityFlags = ["service_binding_extra_handlers"],
      bindings = [${bindings.join(", ")}],
      ${storeObjects(["QueueShard"])}`;
}

function wrapDatabase(properties: string): string {
  return (
    'wrapped = (moduleName = "cloudflare-internal:d1-api", innerBindings = ' +
    `[(name = "fetcher", service = (name = "tables", props = (json = ${properties})))])`
  );
}

function storeObjects(classNames: readonly string[]): string {
  const namespaces = classNames.map(
    (name) => `(className = "${name}", uniqueKey = "${name}", enableSql = true)`,
  );
  return `durableObjectNamespaces = [${namespaces.join(", ")}],
      durableObjectStorage = (localDisk = "state")`;
}

function bind(name: string, value: string): string {
  return `(name = ${quote(name)}, ${value})`;
}

function quoteJson(value: unknown): string {
  return quote(JSON.stringify(value));
}

/** Cap'n Proto takes a string of ASCII as JSON writes it. */
function quote(text: string): string {
  return JSON.stringify(text);
}
