/**
 * What one generation asks of the reverse process, checked before any forward pass.
 *
 * Owns: defaults that follow from other settings, ranges, and the refusal of what cannot run.
 * Does not own: the API's schema (shared/contracts), the model's context length (engine/).
 */

import { ApiError } from "#shared/contracts/errors.ts";
import {
  ADAPTIVE_BLOCK_LENGTH,
  ADAPTIVE_THRESHOLD,
  type AdaptiveLength,
  type AdaptiveLengthRequest,
  maxAdaptiveSteps,
  resolveAdaptiveLength,
} from "./adaptive-length.ts";
import type { CacheKind } from "./block-cache.ts";
import { chooseBlockLength } from "./block-length.ts";
import { checkDecoding, type Decoding } from "./decoding.ts";

/** Which candidates stay masked: those the network is least sure of, or any. LLaDA's `remasking`. */
export type Remasking = "low-confidence" | "random";

/** The settings of one reverse process; made by {@link resolveSamplingSettings}. */
export interface SamplingSettings {
  /**
   * Denoising steps over all blocks, revision not counted, at least one a block: exactly so many under
   * `schedule`, at most so many under the other decoders.
   */
  readonly steps: number;
  /** Columns to fill, tokens; under an adaptive length, what the canvas begins with. */
  readonly generationLength: number;
  /** Divides `generationLength`, but under an adaptive length. */
  readonly blockLength: number;
  /** 0 takes the likeliest token; above, Gumbel-max. In [0, 2]. */
  readonly temperature: number;
  /** 0 is no guidance; above, every step feeds two rows. In [0, 10]. */
  readonly guidanceScale: number;
  readonly remasking: Remasking;
  readonly decoding: Decoding;
  readonly cache: CacheKind;
  /**
   * Steps that a block takes even if it is filled before, at least 1, within its share of `steps`;
   * Fast-dLLM's cached samplers take 2.
   */
  readonly minBlockSteps: number;
  /** End-of-text is never predicted: LLaDA's `logits_eos_inf`. */
  readonly excludeEndOfText: boolean;
  /** End-of-text is committed last: LLaDA's `confidence_eos_eot_inf`. */
  readonly deferEndOfText: boolean;
  /** The run ends as soon as nothing before the text's end is masked, and the rest is cut off. */
  readonly earlyExit: boolean;
  /** Null for a canvas of fixed length. */
  readonly adaptiveLength: AdaptiveLength | null;
  /** Steps after the blocks in which doubtful columns are predicted anew, at most. */
  readonly revisionSteps: number;
  /** A column is doubtful if it was committed with less confidence; in [0, 1]. */
  readonly revisionThreshold: number;
  readonly maskTokenId: number;
  readonly endOfTextTokenId: number;
  /** Null where the model's turns end with end-of-text. */
  readonly endOfTurnTokenId: number | null;
}

/** Settings as asked for: what is left out takes its default. */
export interface SamplingRequest {
  readonly generationLength: number;
  /** Half of `generationLength`, and at least one a block, when left out. */
  readonly steps?: number | undefined;
  /** See {@link chooseBlockLength} when left out. */
  readonly blockLength?: number | undefined;
  readonly temperature?: number | undefined;
  readonly guidanceScale?: number | undefined;
  readonly remasking?: Remasking | undefined;
  /** LLaDA's schedule when left out. */
  readonly decoding?: Decoding | undefined;
  /** None when left out. */
  readonly cache?: CacheKind | undefined;
  /** 1 when left out. */
  readonly minBlockSteps?: number | undefined;
  readonly excludeEndOfText?: boolean | undefined;
  readonly deferEndOfText?: boolean | undefined;
  /** False when left out: LLaDA runs every step. */
  readonly earlyExit?: boolean | undefined;
  /** Null when left out. Goes with the decoding `threshold`, its default then. */
  readonly adaptiveLength?: AdaptiveLengthRequest | null | undefined;
  /** 0 when left out. */
  readonly revisionSteps?: number | undefined;
  readonly revisionThreshold?: number | undefined;
}

/** The token ids that the reverse process must know by name. */
export interface SpecialTokens {
  readonly maskTokenId: number;
  readonly endOfTextTokenId: number;
  readonly endOfTurnTokenId: number | null;
}

/** Largest `temperature`. */
const MAX_TEMPERATURE = 2;
/** Largest `guidanceScale`. */
export const MAX_GUIDANCE_SCALE = 10;
/** Most `revisionSteps`. */
const MAX_REVISION_STEPS = 65_536;
/** The confidence from which Fast-dLLM and DAEDAL commit columns together. */
const DEFAULT_REVISION_THRESHOLD = 0.9;

/**
 * Fills in defaults and checks every setting.
 *
 * @throws {ApiError} `invalid_parameter`, `block_length_not_a_divisor` or `more_blocks_than_steps`,
 *   with the API's name of the field as `param`.
 */
export function resolveSamplingSettings(
  request: SamplingRequest,
  tokens: SpecialTokens,
): SamplingSettings {
  const { generationLength } = request;
  checkCount(generationLength, "max_tokens");
  const decoding = request.decoding ?? defaultDecoding(request);
  checkDecoding(decoding);
  const pace = resolvePace(request, decoding);
  return {
    ...pace,
    generationLength,
    temperature: checkRange(request.temperature ?? 0, MAX_TEMPERATURE, "temperature"),
    guidanceScale: checkRange(request.guidanceScale ?? 0, MAX_GUIDANCE_SCALE, "cfg_scale"),
    remasking: request.remasking ?? "low-confidence",
    decoding,
    ...resolveCache(request),
    excludeEndOfText: request.excludeEndOfText ?? false,
    deferEndOfText: request.deferEndOfText ?? false,
    earlyExit: request.earlyExit ?? false,
    ...resolveRevision(request),
    maskTokenId: tokens.maskTokenId,
    endOfTextTokenId: tokens.endOfTextTokenId,
    endOfTurnTokenId: tokens.endOfTurnTokenId,
  };
}

/** Tells whether every block runs all its steps, as LLaDA's `generate()` does. */
export function isPacedBySteps(settings: SamplingSettings): boolean {
  return settings.decoding.kind === "schedule";
}

/**
 * Counts the steps of a run, revision included, at most: every decoder but LLaDA's schedule writes at
 * least one token a step, but where a filled block must go on.
 */
export function longestRun(settings: SamplingSettings, maskedCount: number): number {
  const { steps, revisionSteps, adaptiveLength, minBlockSteps } = settings;
  const { generationLength, blockLength } = settings;
  const isCapped = isPacedBySteps(settings) || adaptiveLength !== null;
  const repeated = (generationLength / blockLength) * (minBlockSteps - 1);
  return (isCapped ? steps : Math.min(steps, maskedCount + repeated)) + revisionSteps;
}

/** What decides how long a run is. */
type Pace = Pick<SamplingSettings, "steps" | "blockLength" | "adaptiveLength">;

function resolvePace(request: SamplingRequest, decoding: Decoding): Pace {
  const { generationLength, blockLength: asked } = request;
  if (asked !== undefined) checkCount(asked, "block_length");
  if (request.adaptiveLength) {
    return resolveAdaptivePace(request, request.adaptiveLength, decoding);
  }
  const steps = request.steps ?? defaultSteps(generationLength, asked);
  checkCount(steps, "steps");
  const blockLength = asked ?? chooseBlockLength(generationLength, steps);
  checkBlocks(generationLength, blockLength, steps);
  return { steps, blockLength, adaptiveLength: null };
}

function resolveAdaptivePace(
  request: SamplingRequest,
  adaptive: AdaptiveLengthRequest,
  decoding: Decoding,
): Pace {
  if (decoding.kind !== "threshold") {
    throw invalid("adaptive_length", "goes with a confidence threshold");
  }
  const adaptiveLength = resolveAdaptiveLength(adaptive, request.generationLength);
  const enough = maxAdaptiveSteps(adaptiveLength, request.generationLength);
  const steps = request.steps ?? enough;
  checkCount(steps, "steps");
  return {
    steps: Math.min(steps, enough),
    blockLength: request.blockLength ?? ADAPTIVE_BLOCK_LENGTH,
    adaptiveLength,
  };
}

function resolveCache(request: SamplingRequest): Pick<SamplingSettings, "cache" | "minBlockSteps"> {
  const { cache = "none", minBlockSteps = 1 } = request;
  if (cache !== "none" && request.adaptiveLength) {
    throw invalid("cache", "does not go with an adaptive length, which looks at every column");
  }
  checkCount(minBlockSteps, "min_block_steps");
  return { cache, minBlockSteps };
}

function resolveRevision(
  request: SamplingRequest,
): Pick<SamplingSettings, "revisionSteps" | "revisionThreshold"> {
  const { revisionSteps = 0, revisionThreshold = DEFAULT_REVISION_THRESHOLD } = request;
  const isCount = Number.isSafeInteger(revisionSteps) && revisionSteps >= 0;
  if (!isCount || revisionSteps > MAX_REVISION_STEPS) {
    throw invalid("revision_steps", `is a whole number from 0 to ${MAX_REVISION_STEPS}`);
  }
  if (revisionSteps > 0 && request.remasking === "random") {
    throw invalid("revision_steps", "goes by confidence, which random remasking draws");
  }
  return {
    revisionSteps,
    revisionThreshold: checkRange(revisionThreshold, 1, "revision_threshold"),
  };
}

function defaultDecoding(request: SamplingRequest): Decoding {
  if (!request.adaptiveLength) return { kind: "schedule" };
  return { kind: "threshold", threshold: ADAPTIVE_THRESHOLD };
}

function defaultSteps(generationLength: number, blockLength: number | undefined): number {
  const blockCount = Math.ceil(generationLength / (blockLength ?? generationLength));
  return Math.max(1, Math.floor(generationLength / 2), blockCount);
}

function checkBlocks(generationLength: number, blockLength: number, steps: number): void {
  if (generationLength % blockLength !== 0) {
    throw new ApiError(
      "block_length_not_a_divisor",
      `A block length of ${blockLength} does not divide ${generationLength} tokens.`,
      { param: "block_length" },
    );
  }
  const blockCount = generationLength / blockLength;
  if (blockCount > steps) {
    throw new ApiError(
      "more_blocks_than_steps",
      `${blockCount} blocks need at least ${blockCount} steps, ${steps} are asked for.`,
      { param: "steps" },
    );
  }
}

function checkCount(value: number, param: string): void {
  if (!Number.isSafeInteger(value) || value < 1) {
    throw invalid(param, "is a whole number of at least 1");
  }
}

function checkRange(value: number, max: number, param: string): number {
  if (!(value >= 0 && value <= max)) {
    throw invalid(param, `lies between 0 and ${max}`);
  }
  return value;
}

function invalid(param: string, rule: string): ApiError {
  return new ApiError("invalid_parameter", `${param} ${rule}.`, { param });
}
