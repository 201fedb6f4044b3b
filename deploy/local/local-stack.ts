/**
 * The whole product on one machine: a node with the embedded model and the edge in workerd, wired
 * by secrets of their own. `npm start` and the end-to-end tests run exactly this.
 */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { scalingAnswerSchema } from "#shared/contracts/pool.ts";
import { startEdgeRuntime } from "./edge-runtime.ts";
import { findFreePort, type NodeProcess, startNodeProcess } from "./node-process.ts";

/** How often the edge is asked whether it has heard of the nodes. */
const READY_INTERVAL_MS = 50;

/** Secrets that edge and node share, by their binding names in `wrangler.toml`. */
export interface StackSecrets {
  readonly OPERATOR_SECRET: string;
  readonly KEY_TAG_SECRET: string;
  readonly GRANT_SECRET: string;
}

export interface LocalStackOptions {
  /** Port of the edge; 0 takes any free one. */
  readonly port: number;
  /** Bundle and Durable Objects are kept under it. */
  readonly directory: string;
  readonly secrets: StackSecrets;
  /** Settings for the node beside the defaults, `UNMASK_…`. */
  readonly nodeEnvironment?: Readonly<Record<string, string>>;
  readonly writeLog: (text: string) => void;
}

export interface LocalStack {
  /** The edge, without a slash at the end. */
  readonly url: string;
  readonly node: NodeProcess;
  stop(): Promise<void>;
}

/** Fresh secrets, 256 bits each. */
export function createSecrets(): StackSecrets {
  const secret = () => randomBytes(32).toString("hex");
  return { OPERATOR_SECRET: secret(), KEY_TAG_SECRET: secret(), GRANT_SECRET: secret() };
}

/** Waits until the edge has heard of as many nodes. */
export async function untilReady(
  edgeUrl: string,
  operatorSecret: string,
  nodeCount: number,
): Promise<void> {
  const headers = { authorization: `Bearer ${operatorSecret}` };
  for (;;) {
    const response = await fetch(`${edgeUrl}/internal/scaling`, { headers });
    const { ready_nodes: readyNodes } = scalingAnswerSchema.parse(await response.json());
    if (readyNodes >= nodeCount) return;
    await new Promise((resolve) => setTimeout(resolve, READY_INTERVAL_MS));
  }
}

/** Starts the node, then the edge. Nothing is left running when it throws. */
export async function startLocalStack(options: LocalStackOptions): Promise<LocalStack> {
  // Known before the node starts, which posts its receipts there.
  const port = options.port === 0 ? await findFreePort() : options.port;
  const node = await startNodeProcess(
    {
      UNMASK_EDGE_URL: `http://127.0.0.1:${port}`,
      UNMASK_SPOOL_DIRECTORY: join(options.directory, "receipts"),
      ...options.nodeEnvironment,
      UNMASK_GRANT_SECRET: options.secrets.GRANT_SECRET,
    },
    options.writeLog,
  );
  try {
    const edge = await startEdgeRuntime({
      port,
      bundleDirectory: join(options.directory, "edge"),
      stateDirectory: join(options.directory, "state"),
      bindings: { ...options.secrets },
    });
    await untilReady(edge.url, options.secrets.OPERATOR_SECRET, 1);
    return {
      url: edge.url,
      node,
      async stop() {
        await Promise.all([edge.stop(), node.stop()]);
      },
    };
  } catch (error) {
    await node.stop();
    throw error;
  }
}
