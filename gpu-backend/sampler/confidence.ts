import { sumExponentials } from "./exponential.ts";

/**
 * How sure the network is of a candidate.
 *
 * Both functions scan one column's logits `[start, end)` of a row-major float32 array without
 * allocating and sum in float64. Minus infinity leaves the softmax; a logit that is NaN or infinite
 * makes the result NaN.
 */

/**
 * The softmax probability of one vocabulary entry, in [0, 1].
 *
 * @param tokenId The candidate, relative to `start`.
 * @param largest The largest logit of the column.
 */
export function softmaxProbability(
  logits: Float32Array,
  start: number,
  end: number,
  tokenId: number,
  largest: number,
): number {
  const sum = sumExponentials(logits, start, end, largest);
  return Math.exp((logits[start + tokenId] as number) - largest) / sum;
}

/**
 * The entropy of the column's softmax in nats, from 0 (certain) up.
 *
 * @param largest The largest logit of the column.
 */
export function softmaxEntropy(
  logits: Float32Array,
  start: number,
  end: number,
  largest: number,
): number {
  let sum = 0;
  let weighted = 0;
  for (let i = start; i < end; i += 1) {
    const distance = (logits[i] as number) - largest;
    if (distance === Number.NEGATIVE_INFINITY) continue;
    const weight = Math.exp(distance);
    sum += weight;
    weighted += weight * distance;
  }
  return Math.log(sum) - weighted / sum;
}
