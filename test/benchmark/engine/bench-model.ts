/**
 * The checkpoints that are measured: the embedded one, and what follows from it.
 *
 * Owns: where they lie, sessions on them, and that temporary ones leave with their part.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Checkpoint,
  digestCheckpoint,
  readCheckpoint,
} from "../../../gpu-backend/model/checkpoint.ts";
import { quantizeCheckpoint } from "../../../gpu-backend/model/quantize-checkpoint.ts";
import { createMaskPredictor } from "../../../gpu-backend/model-runner/create-mask-predictor.ts";
import type { MaskPredictor } from "../../../gpu-backend/model-runner/mask-predictor.ts";

/** The embedded checkpoint. */
export const MODEL_FOLDER = join(import.meta.dirname, "../../../gpu-backend/model/default");

/** What a report says of the model. */
export interface ModelDescription {
  readonly parameters: number;
  readonly width: number;
  readonly layers: number;
  readonly vocabulary: number;
  /** SHA-256 of the weights, hex. */
  readonly weights_digest: string;
}

export async function describeModel(): Promise<ModelDescription> {
  const checkpoint = await readCheckpoint(MODEL_FOLDER);
  const { modelSize: width, layerCount: layers, vocabularySize: vocabulary } = checkpoint.config;
  return {
    parameters: checkpoint.parameterCount,
    width,
    layers,
    vocabulary,
    weights_digest: await digestCheckpoint(checkpoint),
  };
}

/** Runs `work` with an empty folder that is gone afterwards. */
export async function withFolder<Result>(
  work: (folder: string) => Promise<Result>,
): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), "unmask-bench-"));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Writes the checkpoint of `from` with int8 weights into the new folder `out`. */
export async function quantizeModel(from: string, out: string): Promise<Checkpoint> {
  mkdirSync(out);
  await quantizeCheckpoint(await readCheckpoint(from), "int8", out, () => undefined);
  return await readCheckpoint(out);
}

/** Runs `work` with a network loaded, and frees it. */
export async function withPredictor<Result>(
  checkpoint: Checkpoint,
  threadCount: number,
  work: (predictor: MaskPredictor) => Promise<Result>,
): Promise<Result> {
  const options = { executionProvider: "cpu", intraOpThreads: threadCount } as const;
  const predictor = await createMaskPredictor(checkpoint, options);
  try {
    return await work(predictor);
  } finally {
    await predictor.close();
  }
}
