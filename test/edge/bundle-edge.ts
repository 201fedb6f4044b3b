/** Bundles the Worker once for all test files. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { bundleWorker, type WorkerBundle } from "../../deploy/local/worker-bundle.ts";
import { TEST_SECRETS } from "./test-secrets.ts";

declare module "vitest" {
  interface ProvidedContext {
    edgeBundle: WorkerBundle;
  }
}

/** Called by vitest before the project's first file. */
export async function setup(project: TestProject): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "unmask-edge-"));
  try {
    project.provide("edgeBundle", await bundleWorker(directory, TEST_SECRETS));
  } finally {
    await rm(directory, { recursive: true });
  }
}
