import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Demo, ensureDemoKeys } from "../../deploy/local/demo-keys.ts";
import {
  createSecrets,
  type LocalStack,
  type LocalStackOptions,
  startLocalStack,
} from "../../deploy/local/local-stack.ts";

/** A product of its own for one test file: its keys, its state, its ports. */
export interface TestStack extends LocalStack {
  readonly demo: Demo;
  readonly operatorSecret: string;
  /** The first node, whichever process that is now. */
  readonly node: { readonly url: string; processId(): number | undefined };
  /** Everything that the nodes and their supervisor wrote to the log. */
  log(): string;
}

/** A fresh folder, in memory where the machine has such a place: fsync on a busy disk is slow. */
export function createStateDirectory(): Promise<string> {
  return mkdtemp(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "unmask-test-"));
}

/** Starts edge and nodes exactly as `npm start` does, on free ports. */
export async function startTestStack(
  nodeEnvironment: Readonly<Record<string, string>> = {},
  options: Partial<Pick<LocalStackOptions, "nodes" | "edgeVariables">> = {},
): Promise<TestStack> {
  const directory = await createStateDirectory();
  const secrets = createSecrets();
  let log = "";
  const stack = await startLocalStack({
    port: 0,
    directory,
    secrets,
    nodes: { min: 1, max: 1 },
    ...options,
    nodeEnvironment,
    writeLog: (text) => {
      log += text;
    },
  });
  const demo = await ensureDemoKeys(
    stack.url,
    secrets.OPERATOR_SECRET,
    join(directory, "demo.json"),
  );
  return {
    ...stack,
    node: {
      get url() {
        return stack.listNodes()[0]?.url ?? "none";
      },
      processId: () => stack.listNodes()[0]?.processId,
    },
    demo,
    operatorSecret: secrets.OPERATOR_SECRET,
    log: () => log,
    async stop() {
      await stack.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
