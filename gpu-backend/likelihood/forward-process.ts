/**
 * LLaDA's forward process for one answer: how many tokens each noisy row hides, and which.
 *
 * Owns: the stratified counts and the choice of columns.
 * Does not own: what is made of the network's answer (likelihood-estimate.ts).
 */

import type { MaskNoise } from "./mask-noise.ts";

/**
 * Masks per row of one batch, evenly spread over 1 to `answerLength` from a random start: LLaDA's
 * `forward_process`.
 *
 * @param firstCount Of row 0, in [1, answerLength].
 * @returns `[batchSize]`, each in [1, answerLength]. Halves round to the even neighbour and the steps
 *   are float32, as in the published code.
 */
export function stratifiedMaskCounts(
  answerLength: number,
  batchSize: number,
  firstCount: number,
): number[] {
  const last = Math.fround(firstCount + (batchSize - 1) * (answerLength / batchSize));
  const stride = batchSize > 1 ? Math.fround((last - firstCount) / (batchSize - 1)) : 0;
  return Array.from({ length: batchSize }, (_, row) => {
    const isFirstHalf = row < Math.floor(batchSize / 2) || batchSize === 1;
    const count = isFirstHalf
      ? Math.fround(firstCount + Math.fround(stride * row))
      : Math.fround(last - Math.fround(stride * (batchSize - row - 1)));
    return ((roundHalfToEven(count) - 1) % answerLength) + 1;
  });
}

/**
 * The noisy rows of one batch.
 *
 * @param tokenIds `[length]`: prompt, then answer.
 * @param promptLength Columns that are never masked.
 * @param batch Number of the batch: it names the draws.
 * @returns `[batchSize]` rows of `[length]`; each row's hidden columns are a uniform subset of the answer.
 */
export function drawNoisyRows(
  tokenIds: Int32Array,
  promptLength: number,
  batchSize: number,
  maskTokenId: number,
  batch: number,
  noise: MaskNoise,
): Int32Array[] {
  const answerLength = tokenIds.length - promptLength;
  const firstCount = 1 + Math.floor(noise.firstCount(batch) * answerLength);
  const counts = stratifiedMaskCounts(answerLength, batchSize, firstCount);
  return counts.map((count, row) => {
    const draws = Float64Array.from({ length: answerLength }, (_, offset) =>
      noise.order(batch, row, offset),
    );
    const offsets = Array.from(draws.keys()).sort(
      (a, b) => (draws[a] as number) - (draws[b] as number) || a - b,
    );
    const noisy = tokenIds.slice();
    for (const offset of offsets.slice(0, count)) noisy[promptLength + offset] = maskTokenId;
    return noisy;
  });
}

function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
