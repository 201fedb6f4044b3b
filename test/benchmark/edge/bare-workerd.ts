/**
 * A Worker in workerd itself, without Miniflare: Durable Objects, queue and tables by workerd's own
 * services, as `wrangler.toml` binds them, all state on tmpfs.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { applyMigrations } from "../../../deploy/local/apply-migrations.ts";
import { toWorkerdConfig } from "./workerd-config.ts";

/** The package has no types of its own, and tells where its program is. */
const require = createRequire(import.meta.url);

/** Memory that looks like a disk: what is timed is the edge, not a disk that others share. */
const STATE_ROOT = "/dev/shm";

/** Runs statements that are sent to it; the only way into a table from outside. */
const TABLES_WORKER = {
  "tables.js": `import { DurableObject } from "cloudflare:workers";
export class AccountObject extends DurableObject {}
export class GenerationObject extends DurableObject {}
export class PoolObject extends DurableObject {}
export default {
  async fetch(request, { USAGE_DATABASE }) {
    return Response.json(await USAGE_DATABASE.prepare(await request.text()).run());
  },
};`,
};

export interface BareWorkerd {
  /** Without a slash at the end. */
  readonly url: string;
  /** Of the operating system. */
  readonly processId: number;
  /** Stops it and removes its state. */
  stop(): Promise<void>;
}

/** A Worker's modules, text by file name; the first is its entry. */
export type WorkerModules = Readonly<Record<string, string>>;

/**
 * Serves a Worker with the bindings of `wrangler.toml` and empty tables.
 *
 * @param bindings Variables and secrets beside those of `wrangler.toml`.
 */
export async function startBareWorkerd(
  modules: WorkerModules,
  bindings: Readonly<Record<string, string>>,
): Promise<BareWorkerd> {
  const directory = await mkdtemp(join(STATE_ROOT, "unmask-bench-"));
  try {
    await mkdir(join(directory, "state"));
    await createTables(directory);
    const { child, url } = await serve(directory, modules, bindings);
    if (child.pid === undefined) throw new Error("workerd has no process.");
    return {
      url,
      processId: child.pid,
      async stop() {
        await stopChild(child);
        await rm(directory, { recursive: true });
      },
    };
  } catch (error) {
    await rm(directory, { recursive: true });
    throw error;
  }
}

/** Another Worker on the same state, for as long as it takes. */
async function createTables(directory: string): Promise<void> {
  const { child, url } = await serve(directory, TABLES_WORKER, {});
  try {
    await applyMigrations({
      prepare: (statement) => ({
        run: async () => {
          const response = await fetch(url, { method: "POST", body: statement });
          if (!response.ok) throw new Error(`A table was not made: ${await response.text()}`);
        },
      }),
    });
  } finally {
    await stopChild(child);
  }
}

async function serve(
  directory: string,
  modules: WorkerModules,
  bindings: Readonly<Record<string, string>>,
): Promise<{ child: ChildProcess; url: string }> {
  for (const [name, text] of Object.entries(modules)) await writeFile(join(directory, name), text);
  const configuration = toWorkerdConfig(Object.keys(modules), join(directory, "state"), bindings);
  await writeFile(join(directory, "config.capnp"), configuration);
  const { default: binary }: { default: string } = require("workerd");
  // workerd's own queues and tables are experimental; the port is told on standard output.
  const child = spawn(binary, ["serve", "config.capnp", "--experimental", "--control-fd=1"], {
    cwd: directory,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines = createInterface(child.stdout);
  const [line] = await Promise.race([
    once(lines, "line"),
    once(child, "exit").then(([code]) => {
      throw new Error(`workerd does not start: exit status ${code}.`);
    }),
  ]);
  return { child, url: `http://127.0.0.1:${JSON.parse(String(line)).port}` };
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const exited = once(child, "exit");
  child.kill();
  await exited;
}
