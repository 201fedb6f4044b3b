/**
 * What the network makes of candidates, in a few numbers each instead of their logits: enough for a
 * sampler that takes the likeliest id but for some that it names.
 */
export interface CandidateChoices {
  /** `[candidates, rankedCount]` row-major: the largest logit first, of equal ones the lowest id. */
  readonly rankedIds: Int32Array;
  /** `[candidates, rankedCount]` row-major float32. */
  readonly rankedLogits: Float32Array;
  readonly rankedCount: number;
  /** `[candidates, namedCount]` row-major float32: logits of the named ids, in their order. */
  readonly namedLogits: Float32Array;
  readonly namedCount: number;
  /** `[candidates]`: ln of the summed exponentials of the logits of all ids that are not named. */
  readonly restLogSums: Float64Array;
}

/** What the network answers for one row's candidates: `[candidates, logitCount]` float32, or choices. */
export type RowAnswer = Float32Array | CandidateChoices;

/** What the network answers for a batch: the rows that want logits, and those that want choices, in order. */
export interface BatchAnswer {
  /** `[candidates of the former, logitCount]` row-major float32. */
  readonly logits: Float32Array;
  /** Null where no row wants any. */
  readonly choices: CandidateChoices | null;
  /** Columns of contexts that were not kept and had to be computed again; absent where there were none. */
  readonly recomputedColumns?: number;
}

/**
 * The logits of rows that asked for no choices.
 *
 * @throws {RangeError} if an answer is choices.
 */
export function takeLogits(answers: readonly RowAnswer[]): Float32Array[] {
  return answers.map((answer) => {
    if (!(answer instanceof Float32Array)) throw new RangeError("choices in place of logits");
    return answer;
  });
}

/** Candidates `[start, end)`; views, no copy. */
export function sliceChoices(
  choices: CandidateChoices,
  start: number,
  end: number,
): CandidateChoices {
  const { rankedCount, namedCount } = choices;
  return {
    rankedIds: choices.rankedIds.subarray(start * rankedCount, end * rankedCount),
    rankedLogits: choices.rankedLogits.subarray(start * rankedCount, end * rankedCount),
    rankedCount,
    namedLogits: choices.namedLogits.subarray(start * namedCount, end * namedCount),
    namedCount,
    restLogSums: choices.restLogSums.subarray(start, end),
  };
}
