/**
 * Which candidates are written and which stay masked. A policy chooses; it never touches the canvas.
 */

import type { CandidateSet } from "./candidate-scan.ts";
import type { Decoding } from "./decoding.ts";

/** What a policy chooses from. */
export type Choice = Pick<CandidateSet, "confidences" | "entropies">;

/**
 * Chooses the candidates to write.
 *
 * @param quota What the schedule gives to this step, at most the number of candidates; the other
 *   decoders choose by themselves.
 * @param leastCount Filled up to with the most confident of the rest.
 * @returns Indexes into the candidates, ascending. Never empty where there are candidates, but for a
 *   quota of 0. Equal confidences or entropies: lowest index first.
 */
export function selectCandidates(
  candidates: Choice,
  quota: number,
  decoding: Decoding,
  leastCount = 0,
): number[] {
  let chosen = choose(candidates, quota, decoding);
  if (chosen.length < leastCount) {
    const surest = new Set([...chosen, ...rank(candidates.confidences)]);
    chosen = [...surest].slice(0, leastCount);
  }
  return chosen.sort((a, b) => a - b);
}

function choose(candidates: Choice, quota: number, decoding: Decoding): number[] {
  const { confidences, entropies } = candidates;
  switch (decoding.kind) {
    case "schedule":
    case "filling-schedule":
      return rank(confidences).slice(0, quota);
    case "threshold": {
      const ranked = rank(confidences);
      return ranked.filter(
        (index, i) => i === 0 || (confidences[index] as number) >= decoding.threshold,
      );
    }
    case "factor":
      return longestPrefix(rank(confidences), (index, count) => {
        return (confidences[index] as number) >= 1 - decoding.factor / (count + 1);
      });
    case "entropy-bound": {
      let sum = 0;
      return longestPrefix(rank(entropies.map((entropy) => -entropy)), (index) => {
        sum += entropies[index] as number;
        return sum <= decoding.bound;
      });
    }
  }
}

/** Indexes by falling value; equal ones by rising index. */
function rank(values: Float64Array): number[] {
  return Array.from(values.keys()).sort(
    (a, b) => (values[b] as number) - (values[a] as number) || a - b,
  );
}

/**
 * The candidates before the first that fails; always the first of all.
 *
 * @param passes Told the candidate and how many are taken with it.
 */
function longestPrefix(
  ranked: readonly number[],
  passes: (index: number, count: number) => boolean,
): number[] {
  const failedAt = ranked.findIndex((index, i) => !passes(index, i + 1));
  return ranked.slice(0, failedAt < 0 ? ranked.length : Math.max(1, failedAt));
}
