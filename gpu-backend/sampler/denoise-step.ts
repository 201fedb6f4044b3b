/**
 * The arithmetic of one denoising step of one row.
 *
 * Owns: turning logits into candidates, confidences and the columns to write.
 * Does not own: the canvas, the schedule, the position in the run (reverse-process.ts).
 * Walk: step 10.
 */

import { ApiError } from "#shared/contracts/errors.ts";
import { argmax, gumbelMax } from "./candidate.ts";
import { softmaxProbability } from "./confidence.ts";
import { deferEndOfText, excludeEndOfText } from "./end-of-text.ts";
import type { RandomSource } from "./random-source.ts";
import { chooseMostConfident } from "./remasking-policy.ts";
import type { Remasking, SamplingSettings } from "./sampling-settings.ts";

/** The masked columns of one step and what the network makes of them; parallel arrays. */
export interface CandidateSet {
  /** Columns that could be written at this step, ascending and absolute in the canvas. */
  readonly positions: Int32Array;
  /** The token that each column would take. */
  readonly tokenIds: Int32Array;
  /** Softmax probability of that token rounded to float32, or the draw under random remasking. */
  readonly confidences: Float64Array;
}

/** The run's settings and the step's place in it. */
export interface StepContext {
  readonly settings: SamplingSettings;
  readonly random: RandomSource;
  /** Step over the whole run, from 0. */
  readonly step: number;
  /** Columns to write, at most the number of candidates. */
  readonly quota: number;
}

/** How sure a candidate is, by LLaDA's `remasking`. */
type ConfidenceRule = (scan: ColumnScan, context: StepContext) => number;

/** One column's logits, after the end-of-text flags. */
interface ColumnScan {
  readonly logits: Float32Array;
  readonly start: number;
  readonly end: number;
  readonly column: number;
  readonly tokenId: number;
  /** Index of the largest logit before end-of-text was deferred. */
  readonly likeliest: number;
}

const CONFIDENCE_RULES: Record<Remasking, ConfidenceRule> = {
  "low-confidence": ({ logits, start, end, tokenId, likeliest }) => {
    const isDeferred = logits[start + likeliest] === Number.NEGATIVE_INFINITY;
    const largestAt = isDeferred ? argmax(logits, start, end) : likeliest;
    const largest = logits[start + largestAt] ?? Number.NaN;
    // The published code takes the softmax in the logits' own precision.
    return Math.fround(softmaxProbability(logits, start, end, tokenId, largest));
  },
  random: ({ column }, { random, step }) => random.confidence(step, column),
};

/**
 * Chooses this step's tokens and columns.
 *
 * @param logits `[columns.length, logitCount]` row-major float32; overwritten by the end-of-text flags.
 * @param columns Masked columns, ascending.
 * @returns The candidates, and the `quota` most confident columns in `selected`, ascending. Equal
 *   confidences: lowest column first.
 * @throws {ApiError} `session_failed` if a column has no finite logit.
 */
export function denoiseStep(
  logits: Float32Array,
  logitCount: number,
  columns: Int32Array,
  context: StepContext,
): CandidateSet & { readonly selected: Int32Array } {
  const tokenIds = new Int32Array(columns.length);
  const confidences = new Float64Array(columns.length);
  for (const [index, column] of columns.entries()) {
    const start = index * logitCount;
    const end = start + logitCount;
    excludeEndOfText(logits, start, context.settings);
    const likeliest = argmax(logits, start, end);
    if (!Number.isFinite(logits[start + likeliest])) throw brokenNetwork();
    const tokenId = chooseToken(logits, start, end, likeliest, column, context);
    deferEndOfText(logits, start, context.settings);
    const rule = CONFIDENCE_RULES[context.settings.remasking];
    const confidence = rule({ logits, start, end, column, tokenId, likeliest }, context);
    if (Number.isNaN(confidence)) throw brokenNetwork();
    tokenIds[index] = tokenId;
    confidences[index] = confidence;
  }
  const chosen = chooseMostConfident(confidences, context.quota);
  const selected = Int32Array.from(chosen, (index) => columns[index] as number);
  return { positions: columns, tokenIds, confidences, selected };
}

function chooseToken(
  logits: Float32Array,
  start: number,
  end: number,
  likeliest: number,
  column: number,
  { settings, random, step }: StepContext,
): number {
  if (settings.temperature === 0) return likeliest;
  return gumbelMax(logits, start, end, likeliest, settings.temperature, (id) =>
    random.gumbelUniform(step, column, id),
  );
}

function brokenNetwork(): ApiError {
  return new ApiError("session_failed", "The network answered no finite logit.");
}
