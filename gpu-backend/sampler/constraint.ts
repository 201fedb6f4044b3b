/**
 * What masked columns may hold, and that the columns of one step agree with each other.
 *
 * Owns: the interface a constraint meets, and the order in which a step's candidates are admitted.
 * Does not own: any particular constraint (infilling/), which candidates a decoder chooses
 * (selection.ts).
 */

import type { CandidateSet } from "./candidate-scan.ts";

/**
 * Rules over a canvas. Answers are a function of the canvas alone, so a run that is taken up from a
 * half-denoised canvas goes on under the same rules.
 */
export interface CandidateConstraint {
  /**
   * The ids that `column` may take so that every masked column can still be filled.
   *
   * @param tokenIds `[length]`, a canvas that meets the constraint; read, never written.
   * @param column A masked column.
   * @returns `[logitCount]`: 1 where the id is allowed, with at least one 1; null where every id is.
   *   Valid until the next call.
   */
  allowedIds(tokenIds: Int32Array, column: number): Uint8Array | null;
}

/** The canvas as it will be after a step, for the constraint to look at while the step is made up. */
export class ConstraintDraft {
  readonly #constraint: CandidateConstraint;
  readonly #tokenIds: Int32Array;

  /** @param tokenIds The canvas before the step; copied. */
  constructor(constraint: CandidateConstraint, tokenIds: Int32Array) {
    this.#constraint = constraint;
    this.#tokenIds = tokenIds.slice();
  }

  /** As {@link CandidateConstraint.allowedIds}, beside what the step has written so far. */
  allowedIds(column: number): Uint8Array | null {
    return this.#constraint.allowedIds(this.#tokenIds, column);
  }

  /** Tells whether a masked column may take `tokenId` beside what the step has written so far. */
  isAllowed(column: number, tokenId: number): boolean {
    const allowed = this.allowedIds(column);
    return allowed === null || allowed[tokenId] === 1;
  }

  /** Writes a token that is allowed. */
  write(column: number, tokenId: number): void {
    this.#tokenIds[column] = tokenId;
  }
}

/**
 * Takes the ids that are not allowed out of a column, so that candidate, noise and softmax see the
 * allowed ones alone: confidence is a share of what may be written.
 *
 * @param logits Overwritten in the column that begins at `start`.
 */
export function excludeForbidden(logits: Float32Array, start: number, allowed: Uint8Array): void {
  for (let id = 0; id < allowed.length; id += 1) {
    if (allowed[id] === 0) logits[start + id] = Number.NEGATIVE_INFINITY;
  }
}

/** A scan under a constraint, as {@link admitCandidates} uses it. */
export interface ConstrainedScan {
  readonly candidates: CandidateSet;
  /** Chooses a candidate again among the ids that are allowed now. */
  rescan(index: number): void;
}

/**
 * Writes a step's choice into the draft, the surest first; one that contradicts a surer one waits for
 * a later step.
 *
 * @param chosen Indexes into the candidates.
 * @param fillsFrom Candidates from this column on cannot wait: they take the best token that is still
 *   allowed. Null for none.
 * @returns The admitted ones, ascending; never empty where `chosen` is not. Equal confidences: lowest
 *   column first.
 */
export function admitCandidates(
  scan: ConstrainedScan,
  draft: ConstraintDraft,
  chosen: readonly number[],
  fillsFrom: number | null,
): number[] {
  const { positions, tokenIds, confidences } = scan.candidates;
  const surestFirst = [...chosen].sort(
    (a, b) => (confidences[b] as number) - (confidences[a] as number) || a - b,
  );
  const admitted: number[] = [];
  for (const index of surestFirst) {
    const column = positions[index] as number;
    if (!draft.isAllowed(column, tokenIds[index] as number)) {
      if (fillsFrom === null || column < fillsFrom) continue;
      scan.rescan(index);
    }
    draft.write(column, tokenIds[index] as number);
    admitted.push(index);
  }
  return admitted.sort((a, b) => a - b);
}
