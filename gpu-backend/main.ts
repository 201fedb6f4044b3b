/**
 * One node: config → model → engine → server, until a signal drains it.
 *
 * Owns: putting the pieces together, and the life of the process.
 * Does not own: any of the pieces. Standard output gets one line, when requests are accepted;
 * standard error gets the log, one JSON object a line.
 */
import { availableParallelism } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { ApiError } from "#shared/contracts/errors.ts";
import { HEARTBEAT_INTERVAL_MS } from "#shared/contracts/limits.ts";
import { CLOSE_BUCKET_STEP, SHARED_BUCKET_STEP } from "./canvas/length-bucket.ts";
import { type NodeConfig, readConfig } from "./config.ts";
import { Engine } from "./engine/engine.ts";
import { createLogger, type Logger } from "./engine/logger.ts";
import { loadServedModel } from "./load-served-model.ts";
import { type Checkpoint, readCheckpoint } from "./model/checkpoint.ts";
import { chooseSessionCount } from "./model-runner/choose-session-count.ts";
import { openMaskPredictor } from "./open-mask-predictor.ts";
import { HeartbeatSender, toHeartbeat } from "./server/heartbeat-sender.ts";
import { NodeMetrics } from "./server/metrics.ts";
import { createNodeApp } from "./server/node-app.ts";
import { createNodeDrain } from "./server/node-drain.ts";
import { ReceiptSpool } from "./server/receipt-spool.ts";
import type { ServedModel } from "./server/served-model.ts";
import { startServer } from "./server/start-server.ts";

const PARENT_CHECK_INTERVAL_MS = 500;
/** Bytes that may wait for one client: more than a long generation's frames take together. */
const MAX_UNSENT_BYTES = 4 * 1024 * 1024;

const EXIT_FAULT = 1;
const EXIT_REFUSED = 2;

/** A node that accepts requests. */
interface RunningNode {
  readonly url: string;
  readonly model: ServedModel;
  stop(): Promise<void>;
}

async function startNode(
  config: NodeConfig,
  logger: Logger,
  onNetworkLost: (error: unknown) => void,
): Promise<RunningNode> {
  const metrics = new NodeMetrics();
  metrics.countProcess();
  const checkpoint = await readCheckpoint(config.checkpointDirectory);
  // The digest reads every weight; the network is loaded meanwhile.
  const [served, maskPredictor] = await Promise.all([
    loadServedModel(checkpoint, config.modelId),
    openMaskPredictor(
      checkpoint,
      { executionProvider: config.executionProvider, intraOpThreads: config.threadCount },
      {
        sideSessionCount: config.sideSessionCount ?? chooseSessions(config, checkpoint),
        onThreadLost: () => {
          metrics.sessionLost();
          logger.error("session_lost");
        },
        onGivenUp: onNetworkLost,
      },
    ),
  ]);
  const isOnCores = config.executionProvider === "cpu";
  const model = { ...served, bucketStep: isOnCores ? CLOSE_BUCKET_STEP : SHARED_BUCKET_STEP };
  const engine = new Engine({
    maskPredictor,
    observer: metrics,
    limits: { maxBatchRows: config.maxBatchRows, maxQueue: config.maxQueue },
    now: Date.now,
    logger,
  });
  metrics.watchLoad(() => engine.load);
  const spool = await openSpool(config, logger);
  const drain = createNodeDrain({ engine, drainMs: config.drainMs, sleep });
  const app = createNodeApp({
    engine,
    drain,
    model,
    metrics,
    nodeId: config.nodeId,
    grantSecret: config.grantSecret,
    now: Date.now,
    logger,
    heartbeatIntervalMs: HEARTBEAT_INTERVAL_MS,
    postReceipt: async (jobId, receipt) => await spool?.add(jobId, receipt),
    maxUnsentBytes: MAX_UNSENT_BYTES,
  });
  const server = await startServer(app.fetch, config);
  const heartbeats = tellEdge(config, { engine, model, url: server.url }, logger);
  return {
    url: server.url,
    model,
    async stop() {
      const drained = drain();
      void heartbeats?.send();
      await drained;
      await server.close();
      await spool?.stop();
      heartbeats?.stop();
      await maskPredictor.close();
    },
  };
}

function chooseSessions(
  { executionProvider, threadCount }: NodeConfig,
  { parameterCount }: Checkpoint,
): number {
  const coreCount = threadCount > 0 ? threadCount : availableParallelism();
  return chooseSessionCount({ executionProvider, coreCount, parameterCount });
}

/** The way of receipts to the edge, where the operator has named one. */
async function openSpool({ edge }: NodeConfig, logger: Logger): Promise<ReceiptSpool | null> {
  if (edge === null) return null;
  return await ReceiptSpool.open({
    url: `${edge.url}/internal/receipts`,
    directory: edge.spoolDirectory,
    post: (to, init) => fetch(to, init),
    logger,
  });
}

/** Tells the edge of the node for as long as it is there. */
function tellEdge(
  config: NodeConfig,
  { engine, model, url }: { engine: Engine; model: ServedModel; url: string },
  logger: Logger,
): HeartbeatSender | null {
  if (config.edge === null) return null;
  const { nodeId, nodeUrl, maxBatchRows, maxQueue } = config;
  const node = { nodeId, url: nodeUrl ?? url, maxBatchRows, maxQueue, model: model.description };
  return new HeartbeatSender({
    url: `${config.edge.url}/internal/nodes/heartbeat`,
    grantSecret: config.grantSecret,
    read: () => toHeartbeat(node, engine, Date.now()),
    post: (to, init) => fetch(to, init),
    logger,
  });
}

/** What the operator can mend: a setting, a checkpoint, a port that is taken. */
function describeRefusal(thrown: unknown): { code: string; message: string } | null {
  if (thrown instanceof ApiError) return { code: thrown.code, message: thrown.message };
  const isSystemError = thrown instanceof Error && "code" in thrown && "syscall" in thrown;
  return isSystemError ? { code: String(thrown.code), message: thrown.message } : null;
}

/** The error's kind and where it came from; its message may quote a request. */
function describeFault(thrown: unknown): { cause: string; stack: string } {
  if (!(thrown instanceof Error)) return { cause: typeof thrown, stack: "" };
  const frames = (thrown.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line));
  return { cause: thrown.name, stack: frames.map((line) => line.trim()).join("; ") };
}

async function main(logger: Logger): Promise<void> {
  // Until the node runs there is nothing to drain.
  let stop: () => Promise<void> = async () => undefined;
  const end = (why: string) => {
    logger.info("stopping", { why });
    stop().then(() => process.exit(0), exitOnFault);
  };
  const exitOnFault = (thrown: unknown) => {
    logger.error("fault", describeFault(thrown));
    process.exit(EXIT_FAULT);
  };
  process.on("uncaughtException", exitOnFault);
  process.on("unhandledRejection", exitOnFault);
  // A second signal finds no listener and ends the process at once.
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => end(signal));

  try {
    const config = readConfig();
    if (config.parentProcessId !== null) watchParent(config.parentProcessId, end);
    const node = await startNode(config, logger, exitOnFault);
    stop = () => node.stop();
    const line = { event: "listening", url: node.url, model: node.model.description };
    process.stdout.write(`${JSON.stringify(line)}\n`);
  } catch (thrown) {
    const refusal = describeRefusal(thrown);
    if (refusal === null) return exitOnFault(thrown);
    logger.error("not_started", refusal);
    process.exit(EXIT_REFUSED);
  }
}

/** An orphan has another parent, whichever process took it in. */
function watchParent(parentProcessId: number, end: (why: string) => void): void {
  const timer = setInterval(() => {
    if (process.ppid === parentProcessId) return;
    clearInterval(timer);
    end("parent_gone");
  }, PARENT_CHECK_INTERVAL_MS);
  timer.unref();
}

// Whoever read these may be gone; that is no reason to fail.
process.stdout.on("error", () => undefined);
process.stderr.on("error", () => undefined);
await main(createLogger((line) => process.stderr.write(line), Date.now));
