import { basename } from "node:path";
import { loadServedModel } from "../load-served-model.ts";
import { type Checkpoint, type NetworkKind, readCheckpoint } from "../model/checkpoint.ts";
import { loadTokenizer, type Tokenizer } from "../model/tokenizer.ts";
import { createMaskPredictor } from "../model-runner/create-mask-predictor.ts";
import type { MaskPredictor } from "../model-runner/mask-predictor.ts";
import type { ServedModel } from "../server/served-model.ts";

/** A checkpoint with all that a measurement needs of it; its predictor is closed by whoever opened it. */
export interface EvaluatedModel {
  readonly checkpoint: Checkpoint;
  readonly served: ServedModel;
  readonly tokenizer: Tokenizer;
  readonly predictor: MaskPredictor;
}

/**
 * Loads a checkpoint for measurements, on the CPU with the runtime's choice of threads.
 *
 * @throws {ApiError} what reading a checkpoint, its tokenizer and its template throws; `session_failed`.
 */
export async function openModel(directory: string, kind?: NetworkKind): Promise<EvaluatedModel> {
  const checkpoint = await readCheckpoint(directory, kind);
  return {
    checkpoint,
    served: await loadServedModel(checkpoint, basename(directory)),
    tokenizer: await loadTokenizer(directory, checkpoint.config),
    predictor: await createMaskPredictor(checkpoint, {
      executionProvider: "cpu",
      intraOpThreads: 0,
    }),
  };
}

/** Ids of a conversation of one user turn, up to the answer. */
export function encodeChat({ served }: EvaluatedModel, content: string): number[] {
  return Array.from(
    served.encodePrompt({ type: "messages", messages: [{ role: "user", content }] }),
  );
}
