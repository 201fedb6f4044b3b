/**
 * Which candidates are written and which stay masked. A policy chooses; it never touches the canvas.
 */

/**
 * The most confident candidates.
 *
 * @param confidences One value per candidate, ascending by column.
 * @param quota At most the number of candidates; 0 chooses none.
 * @returns Indexes into `confidences`, ascending. Equal confidences: lowest index first.
 */
export function chooseMostConfident(confidences: Float64Array, quota: number): number[] {
  const ranked = rankByConfidence(confidences);
  return ranked.slice(0, quota).sort((a, b) => a - b);
}

/** Indexes by falling confidence; equal ones by rising index. */
export function rankByConfidence(confidences: Float64Array): number[] {
  return Array.from(confidences.keys()).sort(
    (a, b) => (confidences[b] as number) - (confidences[a] as number) || a - b,
  );
}
