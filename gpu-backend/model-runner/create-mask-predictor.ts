import { Worker } from "node:worker_threads";
import type { Checkpoint } from "../model/checkpoint.ts";
import { buildGraph } from "../model/graph.ts";
import type { BatchLimits } from "./check-batch.ts";
import { LanedMaskPredictor } from "./laned-mask-predictor.ts";
import type { MaskPredictor } from "./mask-predictor.ts";
import { OnnxMaskPredictor } from "./onnx-mask-predictor.ts";
import type { SessionOptions } from "./onnx-session.ts";
import {
  RestartingMaskPredictor,
  type ThreadPredictor,
  type ThreadWatch,
} from "./restarting-mask-predictor.ts";
import type { SessionWorkerData } from "./session-messages.ts";

/** Some dozens of short rows of a small network, a few of a large one. */
const MAX_CONTEXT_BYTES = 512 * 1024 * 1024;

/** What may be chosen beside where the network runs. */
export interface PredictorOptions extends ThreadWatch {
  /** Most bytes of keys and values to keep for spans over all sessions, see network.ts; 512 MiB when left out. */
  readonly maxContextBytes?: number;
  /** Sessions of one thread each beside the one with `intraOpThreads`; each is a lane. None when left out. */
  readonly sideSessionCount?: number;
}

/**
 * Loads a checkpoint's network into a thread of its own; one that dies is started again.
 *
 * @throws {ApiError} `session_failed` if the runtime cannot load it; no thread is left behind.
 */
export async function createMaskPredictor(
  checkpoint: Checkpoint,
  sessionOptions: SessionOptions,
  options: PredictorOptions = {},
): Promise<MaskPredictor> {
  const { layerCount, kvHeadCount, headSize, maxSequenceLength, embeddingSize } = checkpoint.config;
  const { maxContextBytes = MAX_CONTEXT_BYTES, sideSessionCount = 0 } = options;
  const workerData: SessionWorkerData = {
    graph: buildGraph(checkpoint),
    weightsFolder: checkpoint.table.folder,
    options: sessionOptions,
    shape: { layerCount, kvSize: kvHeadCount * headSize },
    maxContextBytes: Math.floor(maxContextBytes / (sideSessionCount + 1)),
  };
  const limits = { maxLength: maxSequenceLength, tokenIdCount: embeddingSize };
  const open = async (data: SessionWorkerData) => {
    const start = () => startThread(data, limits);
    return new RestartingMaskPredictor(await start(), start, options);
  };
  const sideData = { ...workerData, options: { ...sessionOptions, intraOpThreads: 1 } };
  return await openLanes(
    () => open(workerData),
    Array.from({ length: sideSessionCount }, () => () => open(sideData)),
  );
}

/** One after the other: each takes a copy of the weights while it is loaded. */
async function openLanes(
  openWhole: () => Promise<MaskPredictor>,
  openSides: readonly (() => Promise<MaskPredictor>)[],
): Promise<MaskPredictor> {
  const whole = await openWhole();
  if (openSides.length === 0) return whole;
  const side: MaskPredictor[] = [];
  try {
    for (const open of openSides) side.push(await open());
  } catch (error) {
    await Promise.all([whole, ...side].map((lane) => lane.close()));
    throw error;
  }
  return new LanedMaskPredictor(whole, side);
}

async function startThread(
  workerData: SessionWorkerData,
  limits: BatchLimits,
): Promise<ThreadPredictor> {
  const worker = new Worker(new URL("./session-worker.ts", import.meta.url), { workerData });
  const predictor = new OnnxMaskPredictor(worker, limits);
  try {
    await predictor.ready();
    return predictor;
  } catch (error) {
    await predictor.close();
    throw error;
  }
}
