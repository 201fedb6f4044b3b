/**
 * What the network makes of each masked column: its token, and how sure of it.
 *
 * Owns: the order in which LLaDA's flags, the Gumbel noise and the softmax apply to a column.
 * Does not own: which candidates are written (selection.ts).
 */

import { ApiError } from "#shared/contracts/errors.ts";
import { argmax, gumbelMax } from "./candidate.ts";
import { softmaxEntropy, softmaxProbability } from "./confidence.ts";
import { type ConstraintDraft, excludeForbidden } from "./constraint.ts";
import { deferredTokenIds, excludeEndOfText } from "./end-of-text.ts";
import type { RandomSource } from "./random-source.ts";
import { isPacedBySteps, type SamplingSettings } from "./sampling-settings.ts";

/** The masked columns of one step and what the network makes of them; parallel arrays. */
export interface CandidateSet {
  /** Columns that could be written at this step, ascending and absolute in the canvas. */
  readonly positions: Int32Array;
  /** The token that each column would take. */
  readonly tokenIds: Int32Array;
  /** Softmax probability of that token, or the draw under random remasking. */
  readonly confidences: Float64Array;
  /** Entropy of the column's softmax, nats; 0 unless the decoding goes by it. */
  readonly entropies: Float64Array;
}

/** The candidates of one step, of which some may have to be chosen again. */
export interface StepScan {
  readonly candidates: CandidateSet;
  /** What the step writes under a constraint; null without one. */
  readonly draft: ConstraintDraft | null;
  /** Scans one candidate again as if the mask id could not be predicted. */
  replaceMask(index: number): void;
  /** Scans one candidate again among the ids that the draft allows by now. */
  rescan(index: number): void;
}

/** Scans the columns of one step; the logits are its own until the step is over. */
export class CandidateScan implements StepScan {
  readonly candidates: CandidateSet;
  readonly draft: ConstraintDraft | null;
  readonly #logits: Float32Array;
  readonly #logitCount: number;
  readonly #settings: SamplingSettings;
  readonly #random: RandomSource;
  readonly #step: number;
  readonly #deferred: readonly number[];

  /**
   * Scans every column once.
   *
   * @param logits `[columns.length, logitCount]` row-major float32; overwritten where a flag or
   *   {@link replaceMask} takes an entry out.
   * @param columns Masked columns, ascending.
   * @param step Step over the whole run, from 0: it names the random draws.
   * @param draft Says which ids a column may take; null where every column may take any.
   * @throws {ApiError} `session_failed` if a column has no finite logit.
   */
  constructor(
    logits: Float32Array,
    logitCount: number,
    columns: Int32Array,
    settings: SamplingSettings,
    random: RandomSource,
    step: number,
    draft: ConstraintDraft | null = null,
  ) {
    this.draft = draft;
    this.#logits = logits;
    this.#logitCount = logitCount;
    this.#settings = settings;
    this.#random = random;
    this.#step = step;
    this.#deferred = deferredTokenIds(settings);
    this.candidates = {
      positions: columns,
      tokenIds: new Int32Array(columns.length),
      confidences: new Float64Array(columns.length),
      entropies: new Float64Array(columns.length),
    };
    for (let index = 0; index < columns.length; index += 1) this.#scan(index);
  }

  replaceMask(index: number): void {
    this.#logits[index * this.#logitCount + this.#settings.maskTokenId] = Number.NEGATIVE_INFINITY;
    this.#scan(index);
  }

  rescan(index: number): void {
    this.#scan(index);
  }

  #scan(index: number): void {
    const logits = this.#logits;
    const start = index * this.#logitCount;
    const end = start + this.#logitCount;
    const allowed = this.draft?.allowedIds(this.candidates.positions[index] as number) ?? null;
    if (allowed === null) excludeEndOfText(logits, start, this.#settings);
    else excludeForbidden(logits, start, allowed);
    const likeliest = argmax(logits, start, end);
    if (!Number.isFinite(logits[start + likeliest])) throw brokenNetwork();
    const tokenId = this.#chooseToken(index, start, end, likeliest);
    const deferred = allowed === null ? this.#deferred : [];
    const kept = deferred.map((id) => logits[start + id] as number);
    for (const id of deferred) logits[start + id] = Number.NEGATIVE_INFINITY;
    this.#measure(index, start, end, tokenId, likeliest);
    for (const [i, id] of deferred.entries()) logits[start + id] = kept[i] as number;
  }

  #chooseToken(index: number, start: number, end: number, likeliest: number): number {
    const { temperature } = this.#settings;
    if (temperature === 0) return likeliest;
    const column = this.candidates.positions[index] as number;
    return gumbelMax(this.#logits, start, end, likeliest, temperature, (id) =>
      this.#random.gumbelUniform(this.#step, column, id),
    );
  }

  #measure(index: number, start: number, end: number, tokenId: number, likeliest: number): void {
    const { candidates } = this;
    const isDeferred = this.#logits[start + likeliest] === Number.NEGATIVE_INFINITY;
    const largestAt = isDeferred ? argmax(this.#logits, start, end) : likeliest;
    const largest = this.#logits[start + largestAt] ?? Number.NaN;
    const confidence =
      this.#settings.remasking === "random"
        ? this.#random.confidence(this.#step, candidates.positions[index] as number)
        : this.#probability(start, end, tokenId, largest);
    if (Number.isNaN(confidence)) throw brokenNetwork();
    candidates.tokenIds[index] = tokenId;
    candidates.confidences[index] = confidence;
    if (this.#settings.decoding.kind === "entropy-bound") {
      candidates.entropies[index] = softmaxEntropy(this.#logits, start, end, largest);
    }
  }

  /** LLaDA takes the softmax in the logits' float32, Fast-dLLM in float64: ties differ. */
  #probability(start: number, end: number, tokenId: number, largest: number): number {
    const probability = softmaxProbability(this.#logits, start, end, tokenId, largest);
    return isPacedBySteps(this.#settings) ? Math.fround(probability) : probability;
  }
}

/** The refusal of what a sound network does not answer. */
export function brokenNetwork(): ApiError {
  return new ApiError("session_failed", "The network answered no finite logit.");
}
