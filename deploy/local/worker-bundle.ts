/**
 * The Worker as a deployment would bundle it, ready for Miniflare. `npm start` and the tests inside
 * workerd serve the same bundle.
 */
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { convertV4MiniflareOptions, type MiniflareOptions } from "miniflare";
import { unstable_getMiniflareWorkerOptions } from "wrangler";
import { QUIET_ENVIRONMENT, REPOSITORY_ROOT } from "./paths.ts";

/** Plain JSON. */
export interface WorkerBundle {
  /** The Worker as one module. */
  readonly script: string;
  /** What `wrangler.toml` says, as Miniflare takes it. */
  readonly options: Record<string, unknown>;
}

/**
 * Bundles the Worker into `directory`.
 *
 * @param secrets By binding name; set in this process's environment, where wrangler looks for them.
 * @throws Error with wrangler's output when the bundle does not build.
 */
export async function bundleWorker(
  directory: string,
  secrets: Readonly<Record<string, string>>,
): Promise<WorkerBundle> {
  Object.assign(process.env, secrets);
  const script = await buildScript(directory, join("edge", "worker.ts"));
  const { modulesRules: _, ...options } = unstable_getMiniflareWorkerOptions(
    join(REPOSITORY_ROOT, "wrangler.toml"),
  ).workerOptions;
  return { script, options: JSON.parse(JSON.stringify(options)) };
}

/**
 * Builds one module of a Worker's entry as a deployment would, into `directory`.
 *
 * @param entry Path from the repository's root.
 * @returns The module's text.
 * @throws Error with wrangler's output when it does not build.
 */
export async function buildScript(directory: string, entry: string): Promise<string> {
  Object.assign(process.env, QUIET_ENVIRONMENT);
  await runWrangler(["deploy", entry, "--dry-run", "--outdir", directory]);
  return await readFile(join(directory, `${basename(entry, ".ts")}.js`), "utf8");
}

/**
 * Options for a Miniflare that serves `bundle` on the loopback interface and asks nothing of the
 * network.
 *
 * @param bindings Variables and secrets beside those of `wrangler.toml`.
 * @param extra Port, persistence, log handlers.
 */
export function toMiniflareOptions(
  bundle: WorkerBundle,
  bindings: Readonly<Record<string, string>>,
  extra: Readonly<Record<string, unknown>>,
): MiniflareOptions {
  return convertV4MiniflareOptions({
    ...bundle.options,
    name: "unmask",
    modules: [{ type: "ESModule", path: "worker.js", contents: bundle.script }],
    bindings: { ...(bundle.options["bindings"] as Record<string, string>), ...bindings },
    host: "127.0.0.1",
    cf: false,
    telemetry: { enabled: false },
    ...extra,
  });
}

function runWrangler(parameters: readonly string[]): Promise<void> {
  const wrangler = join(REPOSITORY_ROOT, "node_modules", "wrangler", "bin", "wrangler.js");
  const child = spawn(process.execPath, [wrangler, ...parameters], {
    cwd: REPOSITORY_ROOT,
    stdio: "pipe",
  });
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
