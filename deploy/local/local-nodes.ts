/**
 * The nodes of this machine: processes of their own, as many as somebody wants.
 *
 * Owns: what tells one node from the other, the supervisor's clock, timer and log.
 * Does not own: the number (local-stack.ts asks the edge), the supervising (gpu-backend/autoscale).
 */
import { join } from "node:path";
import type { NodeBounds } from "../../gpu-backend/autoscale/node-bounds.ts";
import { NodeSupervisor, type SupervisorLog } from "../../gpu-backend/autoscale/node-supervisor.ts";
import { type NodeProcess, startNodeProcess } from "./node-process.ts";

/** A drain takes eight seconds where work goes on so long, one for handing it back, and a little. */
const DRAIN_TIMEOUT_MS = 12_000;

/** What the nodes of a machine are given. */
export interface LocalNodesOptions {
  readonly bounds: NodeBounds;
  /** See {@link NodeSupervisor}. */
  readonly readDesired: () => Promise<number>;
  readonly edgeUrl: string;
  /** Shared with the edge. */
  readonly grantSecret: string;
  /** Each node's receipts are kept under it. */
  readonly directory: string;
  /** Settings beside the defaults, `UNMASK_…`. */
  readonly environment: Readonly<Record<string, string>>;
  /** Gets the nodes' log and the supervisor's. */
  readonly writeLog: (text: string) => void;
}

/** Nodes under supervision. */
export interface LocalNodes {
  /** Those whose processes live, draining ones included, by their places. */
  list(): NodeProcess[];
  /** Rejects when a node ends before it listens, for the first time; never resolves. */
  readonly refused: Promise<never>;
  /** Drains and ends all of them. */
  stop(): Promise<void>;
}

/** Starts as many as are wanted at least, and follows what is wanted from then on. */
export function startLocalNodes(options: LocalNodesOptions): LocalNodes {
  const { bounds, readDesired, writeLog } = options;
  const refused = Promise.withResolvers<never>();
  refused.promise.catch(() => undefined); // Whoever waits for nodes is told; nobody need wait.
  const supervisor = new NodeSupervisor<NodeProcess>({
    bounds,
    readDesired,
    startNode: (slotIndex) => {
      const node = startNodeProcess(toEnvironment(options, slotIndex), writeLog);
      node.listening.catch(refused.reject);
      return node;
    },
    drainTimeoutMs: DRAIN_TIMEOUT_MS,
    now: Date.now,
    repeat: (run, intervalMs) => {
      const timer = setInterval(run, intervalMs);
      return () => clearInterval(timer);
    },
    log: createLog(writeLog),
  });
  return {
    list: () => supervisor.listNodes(),
    refused: refused.promise,
    stop: () => supervisor.stop(),
  };
}

/** A place's node has the same name and the same spool each time. */
function toEnvironment(
  { edgeUrl, grantSecret, directory, environment }: LocalNodesOptions,
  slotIndex: number,
): Record<string, string> {
  const nodeId = `node-${slotIndex + 1}`;
  return {
    UNMASK_NODE_ID: nodeId,
    UNMASK_NODE_PORT: "0",
    UNMASK_EDGE_URL: edgeUrl,
    UNMASK_SPOOL_DIRECTORY: join(directory, "receipts", nodeId),
    ...environment,
    UNMASK_GRANT_SECRET: grantSecret,
  };
}

/** Lines like the nodes' own. */
function createLog(writeLog: (text: string) => void): SupervisorLog {
  return (event, fields) => {
    const time = new Date().toISOString();
    writeLog(`${JSON.stringify({ ...fields, time, level: "info", event })}\n`);
  };
}
