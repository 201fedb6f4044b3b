/**
 * The whole product on one machine: nodes with the embedded model and the edge in workerd, wired by
 * secrets of their own. `npm start` and the end-to-end tests run exactly this.
 */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { type ScalingAnswer, scalingAnswerSchema } from "#shared/contracts/pool.ts";
import type { NodeBounds } from "../../gpu-backend/autoscale/node-bounds.ts";
import { type EdgeRuntime, startEdgeRuntime } from "./edge-runtime.ts";
import { type LocalNodes, startLocalNodes } from "./local-nodes.ts";
import { findFreePort, type NodeProcess } from "./node-process.ts";

/** How often the edge is asked whether it has heard of the nodes. */
const READY_INTERVAL_MS = 50;
/** An edge that takes longer is asked again; the machine may be busy. */
const SCALING_TIMEOUT_MS = 30_000;

/** Secrets that edge and node share, by their binding names in `wrangler.toml`. */
export interface StackSecrets {
  readonly OPERATOR_SECRET: string;
  readonly KEY_TAG_SECRET: string;
  readonly GRANT_SECRET: string;
}

export interface LocalStackOptions {
  /** Port of the edge; 0 takes any free one. */
  readonly port: number;
  /** Bundle, Durable Objects and receipts are kept under it. */
  readonly directory: string;
  readonly secrets: StackSecrets;
  /** How many nodes; between the bounds as many as the edge asks for. */
  readonly nodes: NodeBounds;
  /** Settings for the nodes beside the defaults, `UNMASK_…`. */
  readonly nodeEnvironment?: Readonly<Record<string, string>>;
  /** Variables of the edge in place of those in `wrangler.toml`. */
  readonly edgeVariables?: Readonly<Record<string, string>>;
  readonly writeLog: (text: string) => void;
}

export interface LocalStack {
  /** The edge, without a slash at the end. */
  readonly url: string;
  /** The nodes' processes, draining ones included. */
  listNodes(): NodeProcess[];
  stop(): Promise<void>;
}

/** Fresh secrets, 256 bits each. */
export function createSecrets(): StackSecrets {
  const secret = () => randomBytes(32).toString("hex");
  return { OPERATOR_SECRET: secret(), KEY_TAG_SECRET: secret(), GRANT_SECRET: secret() };
}

/** How many nodes the edge wants, and how many it has heard of. */
async function readScaling(edgeUrl: string, operatorSecret: string): Promise<ScalingAnswer> {
  const response = await fetch(`${edgeUrl}/internal/scaling`, {
    headers: { authorization: `Bearer ${operatorSecret}` },
    signal: AbortSignal.timeout(SCALING_TIMEOUT_MS),
  });
  if (!response.ok) throw new Error(`/internal/scaling answered ${response.status}.`);
  return scalingAnswerSchema.parse(await response.json());
}

/**
 * Starts nodes and edge, and waits until the edge has heard of as many nodes as there are always, and
 * of one at least. Nothing is left running when it throws.
 *
 * @throws Error with a node's last words when it ends before it listens.
 */
export async function startLocalStack(options: LocalStackOptions): Promise<LocalStack> {
  const { nodes: bounds, directory, secrets } = options;
  // Known before the nodes start, which tell the edge of themselves.
  const port = options.port === 0 ? await findFreePort() : options.port;
  const edgeUrl = `http://127.0.0.1:${port}`;
  let isIntroduced = false;
  const nodes = startLocalNodes({
    bounds,
    // The edge offers models that it has heard of: the first node comes unasked, and shows that it can.
    readDesired: async () =>
      isIntroduced ? (await readScaling(edgeUrl, secrets.OPERATOR_SECRET)).desired_nodes : 1,
    edgeUrl,
    grantSecret: secrets.GRANT_SECRET,
    directory,
    environment: options.nodeEnvironment ?? {},
    writeLog: options.writeLog,
  });
  let edge: EdgeRuntime | null = null;
  const stop = async () => {
    await Promise.all([edge?.stop(), nodes.stop()]);
  };
  try {
    edge = await startEdgeRuntime({
      port,
      bundleDirectory: join(directory, "edge"),
      stateDirectory: join(directory, "state"),
      bindings: { ...options.edgeVariables, ...secrets },
    });
    await untilReady(edgeUrl, secrets.OPERATOR_SECRET, Math.max(1, bounds.min), nodes);
    isIntroduced = true;
    return { url: edge.url, listNodes: () => nodes.list(), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Waits until the edge has heard of as many nodes, or one of them refuses to start. */
async function untilReady(
  edgeUrl: string,
  operatorSecret: string,
  nodeCount: number,
  nodes: LocalNodes,
): Promise<void> {
  let isOver = false;
  const poll = async () => {
    while (!isOver) {
      if ((await readScaling(edgeUrl, operatorSecret)).ready_nodes >= nodeCount) return;
      await new Promise((resolve) => setTimeout(resolve, READY_INTERVAL_MS));
    }
  };
  try {
    await Promise.race([poll(), nodes.refused]);
  } finally {
    isOver = true;
  }
}
