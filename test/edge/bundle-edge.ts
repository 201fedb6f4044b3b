/** Bundles the Worker once for all test files, as a deployment would. */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { TestProject } from "vitest/node";
import { unstable_getMiniflareWorkerOptions } from "wrangler";
import { QUIET_ENVIRONMENT, REPOSITORY_ROOT } from "../../deploy/local/paths.ts";
import { TEST_SECRETS } from "./test-secrets.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** The Worker as one module. */
    edgeScript: string;
    /** What `wrangler.toml` says, as Miniflare takes it. */
    edgeOptions: Record<string, unknown>;
  }
}

/** Called by vitest before the project's first file. */
export async function setup(project: TestProject): Promise<void> {
  // Without its secrets wrangler warns.
  Object.assign(process.env, QUIET_ENVIRONMENT, TEST_SECRETS);
  const { modulesRules: _, ...options } = unstable_getMiniflareWorkerOptions(
    join(REPOSITORY_ROOT, "wrangler.toml"),
  ).workerOptions;
  project.provide("edgeOptions", JSON.parse(JSON.stringify(options)));
  const directory = await mkdtemp(join(tmpdir(), "unmask-edge-"));
  const wrangler = join(REPOSITORY_ROOT, "node_modules", "wrangler", "bin", "wrangler.js");
  await promisify(execFile)(
    process.execPath,
    [wrangler, "deploy", "--dry-run", "--outdir", directory],
    { cwd: REPOSITORY_ROOT },
  );
  project.provide("edgeScript", await readFile(join(directory, "worker.js"), "utf8"));
  await rm(directory, { recursive: true });
}
