/**
 * Adaptive length: DAEDAL (Li et al. 2025), which grows a canvas until the network closes its text
 * with end-of-text.
 *
 * Owns: its parameters with their published defaults, and how sure the network is of the text's end.
 * Does not own: what follows for the canvas (canvas-length.ts).
 */

import { ApiError } from "#shared/contracts/errors.ts";
import { argmax } from "./candidate.ts";
import { softmaxProbability } from "./confidence.ts";

/** DAEDAL's parameters. */
export interface AdaptiveLength {
  /** Most columns of the generation region; the length asked for is what it begins with. */
  readonly maxLength: number;
  /** Masks added at a time, and those that take the place of one; from 2 up. */
  readonly expansion: number;
  /** End-of-text columns that a full confidence takes, from 1 up. */
  readonly endWindow: number;
  /** Before denoising, the canvas grows while the end's confidence is below this; in [0, 1]. */
  readonly initialEndConfidence: number;
  /** While denoising, it may grow while the end's confidence is below this; in [0, 1]. */
  readonly endConfidence: number;
  /** Where it grows: at a candidate whose confidence is below this; in [0, 1]. */
  readonly lowConfidence: number;
}

/** Adaptive length as asked for: what is left out takes the published default. */
export type AdaptiveLengthRequest = {
  readonly [Key in keyof AdaptiveLength]?: AdaptiveLength[Key] | undefined;
};

/** The published confidence from which candidates are committed together. */
export const ADAPTIVE_THRESHOLD = 0.9;
/** The published block length. */
export const ADAPTIVE_BLOCK_LENGTH = 32;

const DEFAULTS: AdaptiveLength = {
  maxLength: 2048,
  expansion: 8,
  endWindow: 32,
  initialEndConfidence: 0.5,
  endConfidence: 0.9,
  lowConfidence: 0.1,
};
/** Most `maxLength`, `expansion` and `endWindow`. */
const MAX_COLUMNS = 65_536;

/**
 * Fills in defaults and checks every parameter.
 *
 * @param generationLength The length that the canvas begins with.
 * @throws {ApiError} `invalid_parameter` with DAEDAL's own name of the parameter in `param`.
 */
export function resolveAdaptiveLength(
  request: AdaptiveLengthRequest,
  generationLength: number,
): AdaptiveLength {
  return {
    maxLength: checkCount(
      request.maxLength ?? DEFAULTS.maxLength,
      generationLength,
      "max_gen_length",
    ),
    expansion: checkCount(request.expansion ?? DEFAULTS.expansion, 2, "expansion_factor"),
    endWindow: checkCount(request.endWindow ?? DEFAULTS.endWindow, 1, "eos_check_tokens"),
    initialEndConfidence: checkShare(
      request.initialEndConfidence ?? DEFAULTS.initialEndConfidence,
      "eos_confidence_threshold",
    ),
    endConfidence: checkShare(
      request.endConfidence ?? DEFAULTS.endConfidence,
      "expand_eos_confidence_threshold",
    ),
    lowConfidence: checkShare(
      request.lowConfidence ?? DEFAULTS.lowConfidence,
      "low_conf_threshold",
    ),
  };
}

/** Steps that suffice whatever the network says: one for each growth before, one a column after. */
export function maxAdaptiveSteps(adaptive: AdaptiveLength, generationLength: number): number {
  const growths = Math.ceil((adaptive.maxLength - generationLength) / adaptive.expansion);
  return growths + 1 + adaptive.maxLength;
}

/**
 * How sure the network is that the text ends on the canvas, in [0, 1]: from the last column back, the
 * probability of end-of-text wherever it is the likeliest, over the first `endWindow` such columns;
 * their sum, divided by `endWindow` also where there are fewer.
 *
 * @param logits `[columnCount, logitCount]` row-major float32, the generation region's columns in
 *   order, those that hold a token included; read, never written.
 * @throws {ApiError} `session_failed` if a column that is looked at has no finite logit.
 */
export function endOfTextConfidence(
  logits: Float32Array,
  logitCount: number,
  endOfTextTokenId: number,
  endWindow: number,
): number {
  let found = 0;
  let sum = 0;
  for (
    let start = logits.length - logitCount;
    start >= 0 && found < endWindow;
    start -= logitCount
  ) {
    const end = start + logitCount;
    const likeliest = argmax(logits, start, end);
    const largest = logits[start + likeliest] as number;
    if (!Number.isFinite(largest)) throw brokenNetwork();
    if (likeliest !== endOfTextTokenId) continue;
    sum += softmaxProbability(logits, start, end, likeliest, largest);
    found += 1;
  }
  if (Number.isNaN(sum)) throw brokenNetwork();
  return sum / endWindow;
}

function checkCount(value: number, min: number, name: string): number {
  const isValid = Number.isSafeInteger(value) && value >= min && value <= MAX_COLUMNS;
  if (!isValid) throw invalid(name, `is a whole number from ${min} to ${MAX_COLUMNS}`);
  return value;
}

function checkShare(value: number, name: string): number {
  if (!(value >= 0 && value <= 1)) throw invalid(name, "lies between 0 and 1");
  return value;
}

function invalid(name: string, rule: string): ApiError {
  const param = `adaptive_length.${name}`;
  return new ApiError("invalid_parameter", `${param} ${rule}.`, { param });
}

function brokenNetwork(): ApiError {
  return new ApiError("session_failed", "The network answered no finite logit.");
}
