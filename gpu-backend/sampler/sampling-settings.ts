/**
 * What one generation asks of the reverse process, checked before any forward pass.
 *
 * Owns: defaults that follow from other settings, ranges, and the refusal of what cannot run.
 * Does not own: the API's schema (shared/contracts), the model's context length (engine/).
 */

import { ApiError } from "#shared/contracts/errors.ts";
import { chooseBlockLength } from "./block-length.ts";
import { checkDecoding, type Decoding } from "./decoding.ts";

/** Which candidates stay masked: those the network is least sure of, or any. LLaDA's `remasking`. */
export type Remasking = "low-confidence" | "random";

/** The settings of one reverse process; made by {@link resolveSamplingSettings}. */
export interface SamplingSettings {
  /**
   * Denoising steps over all blocks, at least one a block: exactly so many under `schedule`, at most
   * so many under the other decoders.
   */
  readonly steps: number;
  /** Columns to fill, tokens. */
  readonly generationLength: number;
  /** Divides `generationLength`. */
  readonly blockLength: number;
  /** 0 takes the likeliest token; above, Gumbel-max. In [0, 2]. */
  readonly temperature: number;
  /** 0 is no guidance; above, every step feeds two rows. In [0, 10]. */
  readonly guidanceScale: number;
  readonly remasking: Remasking;
  readonly decoding: Decoding;
  /** End-of-text is never predicted: LLaDA's `logits_eos_inf`. */
  readonly excludeEndOfText: boolean;
  /** End-of-text is committed last: LLaDA's `confidence_eos_eot_inf`. */
  readonly deferEndOfText: boolean;
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
  readonly excludeEndOfText?: boolean | undefined;
  readonly deferEndOfText?: boolean | undefined;
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
  if (request.blockLength !== undefined) checkCount(request.blockLength, "block_length");
  const steps = request.steps ?? defaultSteps(generationLength, request.blockLength);
  checkCount(steps, "steps");
  const blockLength = request.blockLength ?? chooseBlockLength(generationLength, steps);
  checkBlocks(generationLength, blockLength, steps);
  const decoding = request.decoding ?? { kind: "schedule" };
  checkDecoding(decoding);
  return {
    steps,
    generationLength,
    blockLength,
    temperature: checkRange(request.temperature ?? 0, MAX_TEMPERATURE, "temperature"),
    guidanceScale: checkRange(request.guidanceScale ?? 0, MAX_GUIDANCE_SCALE, "cfg_scale"),
    remasking: request.remasking ?? "low-confidence",
    decoding,
    excludeEndOfText: request.excludeEndOfText ?? false,
    deferEndOfText: request.deferEndOfText ?? false,
    maskTokenId: tokens.maskTokenId,
    endOfTextTokenId: tokens.endOfTextTokenId,
    endOfTurnTokenId: tokens.endOfTurnTokenId,
  };
}

/** Tells whether every block runs all its steps, as LLaDA's `generate()` does. */
export function isPacedBySteps(settings: SamplingSettings): boolean {
  return settings.decoding.kind === "schedule";
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
    throw new ApiError("invalid_parameter", `${param} is a whole number of at least 1.`, { param });
  }
}

function checkRange(value: number, max: number, param: string): number {
  if (!(value >= 0 && value <= max)) {
    throw new ApiError("invalid_parameter", `${param} lies between 0 and ${max}.`, { param });
  }
  return value;
}
