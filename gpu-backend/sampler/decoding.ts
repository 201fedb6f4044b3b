/**
 * How many columns a step commits: by a schedule, or as many as the network is sure enough of.
 *
 * Owns: the decoders' names, parameters and ranges.
 * Does not own: what they choose (selection.ts), when a block ends (reverse-process.ts).
 */

import { ApiError } from "#shared/contracts/errors.ts";

/** A decoder with its parameter. All but `schedule` end a block as soon as it is filled. */
export type Decoding =
  /** LLaDA's transfer schedule: every step runs, also those with nothing to write. */
  | { readonly kind: "schedule" }
  /** The same quotas, until the block is filled: Fast-dLLM without a threshold. */
  | { readonly kind: "filling-schedule" }
  /** Fast-dLLM: every candidate whose confidence is at least `threshold`, in [0, 1]. */
  | { readonly kind: "threshold"; readonly threshold: number }
  /** Fast-dLLM: the n surest where the n-th is at least `1 − factor / (n + 1)`; above 0. */
  | { readonly kind: "factor"; readonly factor: number }
  /** The surest whose entropies sum to at most `bound` nats, from 0 up. */
  | { readonly kind: "entropy-bound"; readonly bound: number };

/** Largest `factor`; from 2 on two candidates are taken whatever their confidence. */
const MAX_FACTOR = 64;
/** Largest `bound`, nats. */
const MAX_ENTROPY_BOUND = 64;

/**
 * Checks a decoder's parameter.
 *
 * @throws {ApiError} `invalid_parameter`; `param` is `confidence_threshold`, `factor` or
 *   `entropy_bound`.
 */
export function checkDecoding(decoding: Decoding): void {
  switch (decoding.kind) {
    case "threshold":
      demand(inRange(decoding.threshold, 0, 1), "confidence_threshold", "in [0, 1]");
      break;
    case "factor": {
      const isValid = decoding.factor > 0 && inRange(decoding.factor, 0, MAX_FACTOR);
      demand(isValid, "factor", `in (0, ${MAX_FACTOR}]`);
      break;
    }
    case "entropy-bound": {
      const isValid = inRange(decoding.bound, 0, MAX_ENTROPY_BOUND);
      demand(isValid, "entropy_bound", `in [0, ${MAX_ENTROPY_BOUND}] nats`);
      break;
    }
    default:
  }
}

function inRange(value: number, min: number, max: number): boolean {
  return value >= min && value <= max;
}

function demand(condition: boolean, param: string, range: string): void {
  if (!condition) {
    throw new ApiError("invalid_parameter", `${param} is a number ${range}.`, { param });
  }
}
