import { Worker } from "node:worker_threads";
import type { Checkpoint } from "../model/checkpoint.ts";
import { buildGraph } from "../model/graph.ts";
import type { MaskPredictor } from "./mask-predictor.ts";
import { OnnxMaskPredictor } from "./onnx-mask-predictor.ts";
import type { SessionOptions } from "./onnx-session.ts";
import type { SessionWorkerData } from "./session-messages.ts";

/** Some dozens of short rows of a small network, a few of a large one. */
const MAX_CONTEXT_BYTES = 512 * 1024 * 1024;

/**
 * Loads a checkpoint's network into a thread of its own.
 *
 * @param maxContextBytes Most bytes of keys and values to keep for spans, see network.ts.
 * @throws {ApiError} `session_failed` if the runtime cannot load it; no thread is left behind.
 */
export async function createMaskPredictor(
  checkpoint: Checkpoint,
  options: SessionOptions,
  maxContextBytes: number = MAX_CONTEXT_BYTES,
): Promise<MaskPredictor> {
  const { layerCount, kvHeadCount, headSize } = checkpoint.config;
  const workerData: SessionWorkerData = {
    graph: buildGraph(checkpoint),
    weightsFolder: checkpoint.table.folder,
    options,
    shape: { layerCount, kvSize: kvHeadCount * headSize },
    maxContextBytes,
  };
  const worker = new Worker(new URL("./session-worker.ts", import.meta.url), { workerData });
  const predictor = new OnnxMaskPredictor(worker, {
    maxLength: checkpoint.config.maxSequenceLength,
    tokenIdCount: checkpoint.config.embeddingSize,
  });
  try {
    await predictor.ready();
    return predictor;
  } catch (error) {
    await predictor.close();
    throw error;
  }
}
