/**
 * What the network makes of each masked column, where it was asked for choices and not for logits.
 *
 * Owns: which settings a few numbers a column are enough for, and the same candidates and confidences
 * from these as candidate-scan.ts finds in logits, to float32's rounding.
 * Does not own: how the numbers come about (model/choice-outputs.ts).
 */

import type { CandidateChoices } from "../canvas/candidate-choices.ts";
import type { PredictorRow } from "../canvas/canvas-batch.ts";
import { brokenNetwork, type CandidateSet, type StepScan } from "./candidate-scan.ts";
import { deferredTokenIds } from "./end-of-text.ts";
import { isPacedBySteps, type SamplingSettings } from "./sampling-settings.ts";

/**
 * Says how the rows of a run ask for choices; empty where they have to ask for logits. A step can do
 * without these if it takes the likeliest id, goes by its probability and looks at no other id but the
 * special ones.
 */
export function askForChoices(settings: SamplingSettings): Pick<PredictorRow, "namedTokenIds"> {
  const { temperature, guidanceScale, remasking, decoding, adaptiveLength } = settings;
  const isPlain = temperature === 0 && guidanceScale === 0 && adaptiveLength === null;
  // The filling schedule ranks confidences in float64, which the sums here do not have near 1.
  const isByProbability = ["schedule", "threshold", "factor"].includes(decoding.kind);
  const canChoose = isPlain && isByProbability && remasking === "low-confidence";
  return canChoose ? { namedTokenIds: listNamedTokenIds(settings) } : {};
}

/** The ids that a step may have to take out, distinct. */
function listNamedTokenIds(settings: SamplingSettings): Int32Array {
  const { maskTokenId, endOfTextTokenId, endOfTurnTokenId } = settings;
  return Int32Array.from(new Set([maskTokenId, endOfTextTokenId, endOfTurnTokenId ?? maskTokenId]));
}

/** Scans the columns of one step by their choices. */
export class ChoiceScan implements StepScan {
  readonly candidates: CandidateSet;
  readonly draft = null;
  readonly #choices: CandidateChoices;
  readonly #settings: SamplingSettings;
  readonly #namedTokenIds: Int32Array;
  readonly #deferred: readonly number[];

  /**
   * @param choices One for each of `columns`, of the ids that {@link askForChoices} names.
   * @param columns Masked columns, ascending.
   * @throws {ApiError} `session_failed` if a column has no finite logit.
   */
  constructor(choices: CandidateChoices, columns: Int32Array, settings: SamplingSettings) {
    this.#choices = choices;
    this.#settings = settings;
    this.#namedTokenIds = listNamedTokenIds(settings);
    this.#deferred = deferredTokenIds(settings);
    this.candidates = {
      positions: columns,
      tokenIds: new Int32Array(columns.length),
      confidences: new Float64Array(columns.length),
      entropies: new Float64Array(columns.length),
    };
    for (let index = 0; index < columns.length; index += 1) this.rescan(index);
  }

  replaceMask(index: number): void {
    this.#scan(index, [...this.#excluded(), this.#settings.maskTokenId]);
  }

  rescan(index: number): void {
    this.#scan(index, this.#excluded());
  }

  #excluded(): number[] {
    return this.#settings.excludeEndOfText ? [this.#settings.endOfTextTokenId] : [];
  }

  #scan(index: number, excluded: readonly number[]): void {
    const { rankedIds, rankedLogits, rankedCount } = this.#choices;
    let rank = index * rankedCount;
    const end = rank + rankedCount;
    while (rank < end && excluded.includes(rankedIds[rank] as number)) rank += 1;
    const logit = rankedLogits[rank] ?? Number.NaN;
    if (rank === end || !Number.isFinite(logit)) throw brokenNetwork();
    const tokenId = rankedIds[rank] as number;
    this.candidates.tokenIds[index] = tokenId;
    this.candidates.confidences[index] = this.#confidence(index, tokenId, logit, excluded);
  }

  #confidence(index: number, tokenId: number, logit: number, excluded: readonly number[]): number {
    if (this.#deferred.includes(tokenId)) return 0;
    const { namedLogits, namedCount, restLogSums } = this.#choices;
    let sum = Math.exp((restLogSums[index] as number) - logit);
    for (const [i, id] of this.#namedTokenIds.entries()) {
      if (excluded.includes(id) || this.#deferred.includes(id)) continue;
      sum += Math.exp((namedLogits[index * namedCount + i] as number) - logit);
    }
    if (Number.isNaN(sum)) throw brokenNetwork();
    // The rest's own rounding may leave a sum just below the candidate's share in it.
    const probability = Math.min(1, 1 / sum);
    return isPacedBySteps(this.#settings) ? Math.fround(probability) : probability;
  }
}
