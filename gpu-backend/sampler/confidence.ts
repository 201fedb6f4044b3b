/**
 * The softmax probability of one vocabulary entry: how sure the network is of a candidate.
 *
 * @param logits Row-major float32; the column's logits are `[start, end)`. Minus infinity leaves the
 *   softmax. Scanned without allocating.
 * @param tokenId The candidate, relative to `start`.
 * @param largest The largest logit of the column.
 * @returns In [0, 1], summed in float64; NaN if a logit is NaN or infinite.
 */
export function softmaxProbability(
  logits: Float32Array,
  start: number,
  end: number,
  tokenId: number,
  largest: number,
): number {
  let sum = 0;
  for (let i = start; i < end; i += 1) {
    sum += Math.exp((logits[i] as number) - largest);
  }
  return Math.exp((logits[start + tokenId] as number) - largest) / sum;
}
