/**
 * Revision: committed columns of low confidence are masked again and predicted anew, with the whole
 * text around them visible.
 *
 * Owns: the confidence of each committed column, which columns are doubtful, and the budget.
 * Does not own: the canvas, the forward pass that predicts them anew (reverse-process.ts).
 */

import type { Canvas } from "../canvas/canvas.ts";
import { insertColumns } from "../canvas/insert-columns.ts";
import type { SamplingSettings } from "./sampling-settings.ts";

/** Where a revision stands. */
export interface RevisionProgress {
  /** Revision steps that may still begin. */
  readonly stepsLeft: number;
  /** `[length]` float32: confidence at commit, 1 where confirmed or never committed. */
  readonly confidences: Float32Array;
  /** `[column, token]` of the columns that are masked again, with the token that each held. */
  readonly withdrawn: readonly (readonly [number, number])[];
}

/** Keeps the confidences of one canvas; idle where the settings ask for no revision. */
export class Revision {
  readonly #threshold: number;
  #stepsLeft: number;
  #confidences: Float32Array;
  #withdrawn: Map<number, number>;

  /** @param progress Where an interrupted revision stood; null at the start of a run. */
  constructor(settings: SamplingSettings, progress: RevisionProgress | null) {
    this.#threshold = settings.revisionThreshold;
    this.#stepsLeft = progress?.stepsLeft ?? settings.revisionSteps;
    this.#confidences = progress?.confidences.slice() ?? new Float32Array(0);
    this.#withdrawn = new Map(progress?.withdrawn ?? []);
  }

  get progress(): RevisionProgress {
    return {
      stepsLeft: this.#stepsLeft,
      confidences: this.#confidences,
      withdrawn: [...this.#withdrawn],
    };
  }

  /** Takes note of a commit. A token that came back after it was withdrawn is confirmed. */
  record(column: number, tokenId: number, confidence: number): void {
    if (column >= this.#confidences.length) this.#grow(column + 1);
    this.#confidences[column] = this.#withdrawn.get(column) === tokenId ? 1 : confidence;
    this.#withdrawn.delete(column);
  }

  /** Follows columns that were put into the canvas. */
  insert(column: number, count: number): void {
    if (column >= this.#confidences.length) return;
    this.#confidences = insertColumns(this.#confidences, column, count, 1);
  }

  /**
   * Leaves at most so many steps.
   *
   * @returns True if steps with something to revise are left out for it.
   */
  limit(maxSteps: number, canvas: Canvas, end: number, isGiven: Uint8Array): boolean {
    if (this.#stepsLeft <= maxSteps) return false;
    this.#stepsLeft = maxSteps;
    return this.#doubtfulColumns(canvas, end, isGiven).length > 0;
  }

  /**
   * Begins the next revision step: an even share of the doubtful columns, the least sure first.
   * Equal confidences: lowest column first.
   *
   * @param end Columns from here on are not revised.
   * @param isGiven `[length]`: 1 where the column held a token at the start; never revised.
   * @param hasMasks Tells whether the step has work without them.
   * @returns The columns to mask again, ascending; null when the run ends.
   */
  begin(canvas: Canvas, end: number, isGiven: Uint8Array, hasMasks: boolean): Int32Array | null {
    if (this.#stepsLeft === 0) return null;
    const doubtful = this.#doubtfulColumns(canvas, end, isGiven);
    if (doubtful.length === 0 && !hasMasks) return null;
    const columns = doubtful.slice(0, Math.ceil(doubtful.length / this.#stepsLeft));
    this.#stepsLeft -= 1;
    for (const column of columns) this.#withdrawn.set(column, canvas.tokenIds[column] ?? 0);
    return Int32Array.from(columns).sort();
  }

  #doubtfulColumns(canvas: Canvas, end: number, isGiven: Uint8Array): number[] {
    const columns: number[] = [];
    for (let column = canvas.promptLength; column < end; column += 1) {
      const confidence = this.#confidences[column] ?? 1;
      if (isGiven[column] !== 1 && confidence < this.#threshold) columns.push(column);
    }
    const confidenceOf = (column: number) => this.#confidences[column] as number;
    return columns.sort((a, b) => confidenceOf(a) - confidenceOf(b) || a - b);
  }

  #grow(length: number): void {
    const longer = new Float32Array(length).fill(1);
    longer.set(this.#confidences);
    this.#confidences = longer;
  }
}
