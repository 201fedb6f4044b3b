import { ApiError } from "#shared/contracts/errors.ts";
import { sumExponentials } from "../sampler/exponential.ts";

/**
 * Minus the log-probability of one entry under the softmax of a column's logits, nats.
 *
 * @param logits Row-major float32; the column's logits are `[start, end)`. Summed in float64.
 * @param tokenId Relative to `start`.
 * @throws {ApiError} `session_failed` if the column has no finite logit (a broken model).
 */
export function crossEntropy(
  logits: Float32Array,
  start: number,
  end: number,
  tokenId: number,
): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (let i = start; i < end; i += 1) {
    largest = Math.max(largest, logits[i] as number);
  }
  const sum = sumExponentials(logits, start, end, largest);
  const entropy = largest + Math.log(sum) - (logits[start + tokenId] as number);
  if (!Number.isFinite(largest) || Number.isNaN(entropy)) {
    throw new ApiError("session_failed", "The network answered no finite logit.");
  }
  return entropy;
}
