/**
 * Where the reverse process takes its randomness from, by name of the draw and never in sequence:
 * a draw that is not made changes no other.
 */
export interface RandomSource {
  /** The seed that its draws follow from; null where they are read from a table. */
  readonly seed: number | null;
  /**
   * The uniform draw behind the Gumbel noise of one vocabulary entry.
   *
   * @param step Denoising step, from 0 over the whole run.
   * @param column Column of the canvas.
   * @returns float64 in (0, 1), both ends excluded.
   */
  gumbelUniform(step: number, column: number, vocabularyId: number): number;
  /** The confidence of a column under random remasking, in [0, 1). */
  confidence(step: number, column: number): number;
}
