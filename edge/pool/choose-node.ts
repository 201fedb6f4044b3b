/** Which node gets a request: pure, so that every choice can be replayed. */

/** A node that may be chosen. */
export interface NodeCandidate {
  /** Base URL. */
  readonly url: string;
  /** Requests that this edge has running there now. */
  readonly inFlightCount: number;
}

/**
 * The candidate with the fewest requests in flight that is not excluded, or `null` if none is left.
 *
 * @param turn Counts the choices made, from 0: among equals each gets its turn.
 */
export function chooseNode<Candidate extends NodeCandidate>(
  candidates: readonly Candidate[],
  excludedUrls: ReadonlySet<string>,
  turn: number,
): Candidate | null {
  const left = candidates.filter((candidate) => !excludedUrls.has(candidate.url));
  const fewest = Math.min(...left.map((candidate) => candidate.inFlightCount));
  const idlest = left.filter((candidate) => candidate.inFlightCount === fewest);
  return idlest[turn % idlest.length] ?? null;
}
