/**
 * The edge in workerd on this machine: the Worker that `wrangler.toml` describes, with real SQLite
 * Durable Objects, D1 and queues.
 *
 * Owns: the runtime's life. Does not own: the bundle (worker-bundle.ts), nodes (node-process.ts).
 */
import { Miniflare } from "miniflare";
import { applyMigrations } from "./apply-migrations.ts";
import { bundleWorker, toMiniflareOptions } from "./worker-bundle.ts";

/** What the Worker is given beside `wrangler.toml`. */
export interface EdgeRuntimeOptions {
  /** 0 takes any free port. */
  readonly port: number;
  /** Durable Objects and tables live here. */
  readonly stateDirectory: string;
  /** Where the bundle is written. */
  readonly bundleDirectory: string;
  /** Variables and secrets by binding name. */
  readonly bindings: Readonly<Record<string, string>>;
}

/** A running edge. */
export interface EdgeRuntime {
  /** `http://127.0.0.1:PORT`, without a slash at the end. */
  readonly url: string;
  stop(): Promise<void>;
}

/** Bundles the Worker as a deployment would and serves it. Throws when the bundle does not build. */
export async function startEdgeRuntime(options: EdgeRuntimeOptions): Promise<EdgeRuntime> {
  const bundle = await bundleWorker(options.bundleDirectory, options.bindings);
  const miniflare = new Miniflare(
    toMiniflareOptions(bundle, options.bindings, {
      port: options.port,
      resourcePersistencePath: options.stateDirectory,
    }),
  );
  const url = (await miniflare.ready).origin;
  await applyMigrations(await miniflare.getD1Database("USAGE_DATABASE"));
  return { url, stop: () => miniflare.dispose() };
}
