/** An edge in real workerd and nodes as real processes, with the one account that asks. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { ensureDemoKeys } from "../../deploy/local/demo-keys.ts";
import { startEdgeRuntime } from "../../deploy/local/edge-runtime.ts";
import { createSecrets } from "../../deploy/local/local-stack.ts";
import { findFreePort } from "../../deploy/local/node-process.ts";
import { ledgerPageSchema } from "../../shared/contracts/billing.ts";
import type { LedgerEntry } from "../../shared/contracts/ledger.ts";
import { type ScalingAnswer, scalingAnswerSchema } from "../../shared/contracts/pool.ts";
import { createStateDirectory } from "../support/test-stack.ts";
import { ChaosNode } from "./chaos-node.ts";

/** A running cluster. */
export interface ChaosCluster {
  readonly nodes: readonly ChaosNode[];
  /** Asks for a chat completion as the account. */
  ask(body: object): Promise<Response>;
  /** Asks for a generation of its own, which may be read again. */
  askNative(body: object): Promise<Response>;
  /** Reads a generation's events from behind the one of this number. */
  readAgain(id: string, lastEventId: number): Promise<Response>;
  readScaling(): Promise<ScalingAnswer>;
  /** Waits until the edge knows of so many nodes that take work, or of more. */
  untilReady(count: number): Promise<void>;
  readMoney(): Promise<{ balance: number; held: number; charges: LedgerEntry[] }>;
  /** Ends the edge, whatever it is doing, and starts it again over the same state. */
  restartEdge(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts an edge and `nodeCount` nodes, and waits until it has heard of them. */
export async function startChaosCluster(
  nodeCount: number,
  bindings: Readonly<Record<string, string>> = {},
): Promise<ChaosCluster> {
  const directory = await createStateDirectory();
  const secrets = createSecrets();
  const port = await findFreePort();
  const url = `http://127.0.0.1:${port}`;
  const startEdge = () =>
    startEdgeRuntime({
      port,
      bundleDirectory: join(directory, "edge"),
      stateDirectory: join(directory, "state"),
      bindings: { ...secrets, ...bindings },
    });
  const names = Array.from({ length: nodeCount }, (_, index) => `node-${index + 1}`);
  const grantSecret = secrets.GRANT_SECRET;
  const nodes = await Promise.all(
    names.map((name) => ChaosNode.create({ name, edgeUrl: url, directory, grantSecret })),
  );
  let [edge] = await Promise.all([startEdge(), ...nodes.map((node) => node.start())]);
  const readScaling = async () => {
    const headers = { authorization: `Bearer ${secrets.OPERATOR_SECRET}` };
    const response = await fetch(`${url}/internal/scaling`, { headers });
    return scalingAnswerSchema.parse(await response.json());
  };
  const untilReady = async (count: number) => {
    while ((await readScaling()).ready_nodes < count) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  await untilReady(nodeCount);
  const demo = await ensureDemoKeys(url, secrets.OPERATOR_SECRET, join(directory, "demo.json"));
  const authorization = `Bearer ${demo.api_key}`;
  const post = (path: string, body: object) =>
    fetch(demo.base_url + path, {
      method: "POST",
      headers: { authorization, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  return {
    nodes,
    readScaling,
    untilReady,
    ask: (body) => post("/chat/completions", body),
    askNative: (body) => post("/generations", body),
    readAgain: (id, lastEventId) =>
      fetch(`${demo.base_url}/generations/${id}/events`, {
        headers: { authorization, "last-event-id": String(lastEventId) },
      }),
    readMoney: () => readMoney(demo.base_url, demo.management_key),
    async restartEdge() {
      await edge.stop();
      edge = await startEdge();
    },
    async stop() {
      await Promise.all(nodes.map((node) => node.end("SIGKILL")));
      await edge.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function readMoney(baseUrl: string, managementKey: string) {
  const charges: LedgerEntry[] = [];
  const headers = { authorization: `Bearer ${managementKey}` };
  for (let after = ""; ; ) {
    const response = await fetch(`${baseUrl}/ledger?limit=100${after}`, { headers });
    const page = ledgerPageSchema.parse(await response.json());
    charges.push(...page.data.filter(({ kind }) => kind === "charge"));
    if (!page.has_more) return { balance: page.balance, held: page.held, charges };
    after = `&after=${page.data.at(-1)?.sequence}`;
  }
}
