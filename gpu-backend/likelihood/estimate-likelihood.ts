import { ApiError } from "#shared/contracts/errors.ts";
import { drawNoisyRows } from "./forward-process.ts";
import { joinTokenIds, LikelihoodEstimate, type ScoredAnswer } from "./likelihood-estimate.ts";
import { createMaskNoise } from "./mask-noise.ts";

/** How many noisy rows an estimate takes, and which. */
export interface LikelihoodSettings {
  /** Noisy rows; a multiple of `batchSize`. LLaDA's `mc_num`. */
  readonly sampleCount: number;
  /** Rows whose mask counts are spread over the answer's length together. */
  readonly batchSize: number;
  /** 0 to `Number.MAX_SAFE_INTEGER`. */
  readonly seed: number;
}

/** Most noisy rows of one estimate; the error falls with their root. */
const MAX_SAMPLES = 8_192;

/**
 * An estimate with noise from a seed. An answer of one token has one noisy row, and its bound is the
 * likelihood itself.
 *
 * @throws {ApiError} `invalid_parameter`; `param` is `mc_num` or `batch_size`.
 */
export function startLikelihood(
  answer: ScoredAnswer,
  settings: LikelihoodSettings,
): LikelihoodEstimate {
  const { sampleCount, batchSize, seed } = settings;
  demand(isCount(batchSize), "batch_size", "is a whole number of at least 1");
  demand(isCount(sampleCount), "mc_num", `is a whole number from 1 to ${MAX_SAMPLES}`);
  demand(sampleCount % batchSize === 0, "mc_num", "is a multiple of batch_size");
  const { maskTokenId, promptTokenIds } = answer;
  const isSingle = answer.answerTokenIds.length === 1;
  const rowCount = isSingle ? 1 : batchSize;
  const tokenIds = joinTokenIds(answer);
  const noise = createMaskNoise(seed);
  return new LikelihoodEstimate(answer, isSingle ? 1 : sampleCount / batchSize, (batch) =>
    drawNoisyRows(tokenIds, promptTokenIds.length, rowCount, maskTokenId, batch, noise),
  );
}

/**
 * An estimate over given noisy rows.
 *
 * @param batches `[batch][row][column]`, at least one row.
 * @throws {ApiError} `invalid_parameter` if batches differ in size, a row hides no answer token or
 *   differs from prompt and answer elsewhere; `param` begins with `noisy_ids`.
 */
export function startLikelihoodOf(
  answer: ScoredAnswer,
  batches: readonly (readonly (readonly number[])[])[],
): LikelihoodEstimate {
  const tokenIds = joinTokenIds(answer);
  const rowCount = batches[0]?.length ?? 0;
  demand(rowCount > 0, "noisy_ids", "has at least one row");
  for (const [batch, rows] of batches.entries()) {
    demand(rows.length === rowCount, `noisy_ids.${batch}`, "has as many rows as the first batch");
    for (const [row, ids] of rows.entries()) {
      checkNoisyRow(ids, tokenIds, answer, `noisy_ids.${batch}.${row}`);
    }
  }
  return new LikelihoodEstimate(answer, batches.length, (batch) =>
    (batches[batch] ?? []).map((row) => Int32Array.from(row)),
  );
}

function checkNoisyRow(
  row: readonly number[],
  tokenIds: Int32Array,
  { promptTokenIds, maskTokenId }: ScoredAnswer,
  param: string,
): void {
  demand(row.length === tokenIds.length, param, "is as long as prompt and answer together");
  let hidden = 0;
  for (const [column, id] of row.entries()) {
    if (id === maskTokenId && column >= promptTokenIds.length) hidden += 1;
    else demand(id === tokenIds[column], `${param}.${column}`, "equals the prompt or the answer");
  }
  demand(hidden > 0, param, "hides at least one token of the answer");
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 1 && value <= MAX_SAMPLES;
}

function demand(condition: boolean, param: string, rule: string): void {
  if (!condition) throw new ApiError("invalid_parameter", `${param} ${rule}.`, { param });
}
