import { type CanvasBatch, packRows } from "../../../gpu-backend/canvas/canvas-batch.ts";
import type { CheckpointConfig } from "../../../gpu-backend/model/checkpoint-config.ts";
import type { MaskPredictor } from "../../../gpu-backend/model-runner/mask-predictor.ts";

/** Columns that a pass answers for in a row: one block. */
export const BLOCK_LENGTH = 32;
/** Ids below are special tokens and bytes, which prompts seldom hold. */
const FIRST_WORD_ID = 300;

/** A prompt of ordinary ids, the same for the same seed. */
export function makePrompt(config: CheckpointConfig, length: number, seed: number): number[] {
  const count = config.vocabularySize - FIRST_WORD_ID;
  return Array.from(
    { length },
    (_, i) => FIRST_WORD_ID + ((Math.imul(i + seed * 977 + 1, 2654435761) >>> 4) % count),
  );
}

/** Canvases as at the first step of their first block: a third prompt, the rest masked. */
export interface CanvasRows {
  /** `[rows][length]`. */
  readonly ids: readonly (readonly number[])[];
  /** Flat indexes of the candidates: the first masked block of each row. */
  readonly candidates: readonly number[];
  readonly batch: CanvasBatch;
}

/** Rows of `length` columns, at least a block long. */
export function makeRows(config: CheckpointConfig, rowCount: number, length: number): CanvasRows {
  const start = Math.min(Math.floor(length / 3), length - BLOCK_LENGTH);
  const ids = Array.from({ length: rowCount }, (_, row) => [
    ...makePrompt(config, start, row),
    ...Array<number>(length - start).fill(config.maskTokenId),
  ]);
  const candidateColumns = Int32Array.from({ length: BLOCK_LENGTH }, (_, i) => start + i);
  const rows = ids.map((row) => ({
    tokenIds: Int32Array.from(row),
    attended: null,
    candidateColumns,
    namedTokenIds: Int32Array.of(config.maskTokenId),
  }));
  const batch = packRows(rows, length);
  return { ids, candidates: [...batch.candidateIndexes], batch };
}

/** The likeliest id of each candidate. */
export async function predictIds(predictor: MaskPredictor, batch: CanvasBatch): Promise<number[]> {
  const { choices } = await predictor.predict(batch);
  if (choices === null) throw new RangeError("no choices");
  const { rankedIds, rankedCount } = choices;
  return Array.from(batch.candidateIndexes, (_, i) => rankedIds[i * rankedCount] ?? -1);
}
