/**
 * The edge in workerd on this machine: the Worker that `wrangler.toml` describes, with real SQLite
 * Durable Objects.
 *
 * Owns: bundling and the runtime's life. Does not own: nodes (node-process.ts), demo keys.
 */
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { unstable_getMiniflareWorkerOptions } from "wrangler";
import { applyMigrations } from "./apply-migrations.ts";
import { QUIET_ENVIRONMENT, REPOSITORY_ROOT } from "./paths.ts";

/** What the Worker is given beside `wrangler.toml`. */
export interface EdgeRuntimeOptions {
  /** 0 takes any free port. */
  readonly port: number;
  /** Durable Objects live here; `null` keeps them in memory. */
  readonly stateDirectory: string | null;
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
  await bundleWorker(options.bundleDirectory);
  // From here on wrangler runs inside this process and reads these; without the secrets it warns.
  Object.assign(process.env, QUIET_ENVIRONMENT, options.bindings);
  const { modulesRules: _, ...workerOptions } = unstable_getMiniflareWorkerOptions(
    join(REPOSITORY_ROOT, "wrangler.toml"),
  ).workerOptions;
  const contents = await readFile(join(options.bundleDirectory, "worker.js"), "utf8");
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      ...workerOptions,
      name: "unmask",
      modules: [{ type: "ESModule", path: "worker.js", contents }],
      bindings: { ...(workerOptions["bindings"] as Record<string, string>), ...options.bindings },
      host: "127.0.0.1",
      port: options.port,
      cf: false,
      telemetry: { enabled: false },
      ...(options.stateDirectory === null
        ? {}
        : { resourcePersistencePath: options.stateDirectory }),
    }),
  );
  const url = (await miniflare.ready).origin;
  await applyMigrations(await miniflare.getD1Database("USAGE_DATABASE"));
  return { url, stop: () => miniflare.dispose() };
}

function bundleWorker(outputDirectory: string): Promise<void> {
  const wrangler = join(REPOSITORY_ROOT, "node_modules", "wrangler", "bin", "wrangler.js");
  const child = spawn(
    process.execPath,
    [wrangler, "deploy", "--dry-run", "--outdir", outputDirectory],
    { cwd: REPOSITORY_ROOT, env: { ...process.env, ...QUIET_ENVIRONMENT }, stdio: "pipe" },
  );
  const output: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => output.push(chunk));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`The Worker does not bundle:\n${Buffer.concat(output).toString()}`));
    });
  });
}
