import { Worker } from "node:worker_threads";
import type { Checkpoint } from "../model/checkpoint.ts";
import { buildFullGraph } from "../model/graph.ts";
import type { MaskPredictor } from "./mask-predictor.ts";
import { OnnxMaskPredictor } from "./onnx-mask-predictor.ts";
import type { SessionOptions } from "./onnx-session.ts";
import type { SessionWorkerData } from "./session-messages.ts";

/**
 * Loads a checkpoint's network into a thread of its own.
 *
 * @throws {ApiError} `session_failed` if the runtime cannot load it; no thread is left behind.
 */
export async function createMaskPredictor(
  checkpoint: Checkpoint,
  options: SessionOptions,
): Promise<MaskPredictor> {
  const workerData: SessionWorkerData = {
    graph: buildFullGraph(checkpoint),
    weightsFolder: checkpoint.table.folder,
    options,
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
