/**
 * How many tokens each hole of several possible lengths gets, chosen before the run.
 *
 * Every length of every hole is laid out once, the other holes at the middle of their lengths, and the
 * network is asked for the hole's first and last column: the two that touch what is pinned. The length
 * with the largest mean log confidence of the two is taken. Columns further in are left out because
 * the network is the less sure of a masked column the further it is from any token, which would make
 * every long hole look bad; so all lengths are compared on as many columns, equally close to the text.
 *
 * Owns: which lengths are tried, what is fed, the choice.
 * Does not own: the forward pass; filling the holes (sampler/).
 */

import { ApiError } from "#shared/contracts/errors.ts";
import type { PredictorRow } from "../canvas/canvas-batch.ts";
import { argmax } from "../sampler/candidate.ts";
import { excludeForbidden } from "../sampler/constraint.ts";
import { sumExponentials } from "../sampler/exponential.ts";
import { createHoleConstraint } from "./hole-constraint.ts";
import { type Hole, isHole, layOutTemplate, type TemplateSegment } from "./template.ts";

/** Most lengths tried for one hole; of more, evenly spread ones with both ends. */
export const MAX_LENGTHS_TRIED = 16;
/** What a choice may cost. */
export interface LengthChoiceLimits {
  /** Rows of all passes; holes that would get fewer than two get their middle length untried. */
  readonly maxTrials: number;
  /** Rows of one pass, at least 1. */
  readonly rowsPerPass: number;
}

/** Where nobody else waits: every length, in large passes. */
const UNLIMITED: LengthChoiceLimits = { maxTrials: Number.POSITIVE_INFINITY, rowsPerPass: 32 };

/** One length of one hole. */
interface Trial {
  readonly holeIndex: number;
  readonly length: number;
}

/** Scores lengths; `forwardRows` and `take` alternate until finished. Pure of I/O. */
export class LengthChoice {
  readonly #promptTokenIds: readonly number[];
  readonly #segments: readonly TemplateSegment[];
  readonly #maskTokenId: number;
  readonly #middles: readonly number[];
  readonly #trials: readonly Trial[];
  readonly #rowsPerPass: number;
  readonly #scores: number[] = [];

  /** @param segments With at least one hole. */
  constructor(
    promptTokenIds: readonly number[],
    segments: readonly TemplateSegment[],
    maskTokenId: number,
    { maxTrials, rowsPerPass }: LengthChoiceLimits = UNLIMITED,
  ) {
    this.#rowsPerPass = rowsPerPass;
    this.#promptTokenIds = promptTokenIds;
    this.#segments = segments;
    this.#maskTokenId = maskTokenId;
    const holes = segments.filter(isHole);
    this.#middles = holes.map(({ lengths }) => lengths[(lengths.length - 1) >> 1] ?? 1);
    const openCount = holes.filter(({ lengths }) => lengths.length > 1).length;
    const trialsEach = Math.min(MAX_LENGTHS_TRIED, Math.floor(maxTrials / Math.max(1, openCount)));
    this.#trials = holes.flatMap((hole, holeIndex) =>
      lengthsTried(hole, trialsEach).map((length) => ({ holeIndex, length })),
    );
  }

  /** True once every trial has its score; at once where every hole has one length. */
  get isFinished(): boolean {
    return this.#scores.length >= this.#trials.length;
  }

  /** Rows of the next forward pass. */
  get rowCount(): number {
    return this.#nextTrials().length;
  }

  /** Rows fed to the network so far. */
  get forwardPasses(): number {
    return this.#scores.length;
  }

  /** One length per hole, once finished; of equal scores the shortest. */
  get lengths(): readonly number[] {
    const chosen = [...this.#middles];
    const best = chosen.map(() => Number.NEGATIVE_INFINITY);
    for (const [index, { holeIndex, length }] of this.#trials.entries()) {
      const score = this.#scores[index] ?? Number.NEGATIVE_INFINITY;
      if (score <= (best[holeIndex] ?? 0)) continue;
      best[holeIndex] = score;
      chosen[holeIndex] = length;
    }
    return chosen;
  }

  /** The rows of the next forward pass. */
  forwardRows(): PredictorRow[] {
    return this.#nextTrials().map((trial) => this.#layOut(trial).row);
  }

  /**
   * Takes the network's answer.
   *
   * @param logits One `[candidates, logitCount]` row-major float32 per row; overwritten.
   * @throws {ApiError} `session_failed` if a column has no finite logit or the shape is another.
   */
  take(logits: readonly Float32Array[], logitCount: number): void {
    const scores = this.#nextTrials().map((trial, index) => {
      const { row, constraint } = this.#layOut(trial);
      const answer = logits[index];
      if (answer?.length !== row.candidateColumns.length * logitCount) throw brokenNetwork();
      let sum = 0;
      for (const [i, column] of row.candidateColumns.entries()) {
        const allowed = constraint.allowedIds(row.tokenIds, column);
        sum += logConfidence(answer, i * logitCount, logitCount, allowed);
      }
      return sum / row.candidateColumns.length;
    });
    this.#scores.push(...scores);
  }

  #nextTrials(): readonly Trial[] {
    return this.#trials.slice(this.#scores.length, this.#scores.length + this.#rowsPerPass);
  }

  #layOut({ holeIndex, length }: Trial) {
    const lengths = this.#middles.with(holeIndex, length);
    const { canvas, holes } = layOutTemplate(
      this.#promptTokenIds,
      this.#segments,
      lengths,
      this.#maskTokenId,
    );
    const { start = 0, end = 1 } = holes[holeIndex] ?? {};
    const candidateColumns = Int32Array.from(new Set([start, end - 1]));
    return {
      row: { tokenIds: canvas.tokenIds, attended: null, candidateColumns },
      constraint: createHoleConstraint(holes, this.#maskTokenId),
    };
  }
}

/** The lengths that are scored, at most `maxCount`; none where there is nothing to choose. */
function lengthsTried({ lengths }: Hole, maxCount: number): readonly number[] {
  if (lengths.length === 1 || maxCount < 2) return [];
  if (lengths.length <= maxCount) return lengths;
  const last = lengths.length - 1;
  return Array.from(
    { length: maxCount },
    (_, i) => lengths[Math.round((i * last) / (maxCount - 1))] ?? 1,
  );
}

/**
 * Log softmax over all ids of the likeliest allowed one. Over the allowed ones alone it would say
 * nothing: a length at which one value fits would always look certain.
 */
function logConfidence(
  logits: Float32Array,
  start: number,
  logitCount: number,
  allowed: Uint8Array | null,
): number {
  const end = start + logitCount;
  const largest = logits[start + argmax(logits, start, end)] ?? Number.NaN;
  const sum = sumExponentials(logits, start, end, largest);
  if (allowed !== null) excludeForbidden(logits, start, allowed);
  const likeliest = logits[start + argmax(logits, start, end)] ?? Number.NaN;
  const score = likeliest - largest - Math.log(sum);
  if (!Number.isFinite(score)) throw brokenNetwork();
  return score;
}

function brokenNetwork(): ApiError {
  return new ApiError("session_failed", "The network answered no finite logit for every column.");
}
