/**
 * The arithmetic of one denoising step of one row.
 *
 * Owns: turning logits into the columns to write, and that a step which must get on does.
 * Does not own: the canvas, the schedule, the position in the run (reverse-process.ts).
 * Walk: step 10.
 */

import type { CandidateSet, StepScan } from "./candidate-scan.ts";
import { admitCandidates } from "./constraint.ts";
import type { SamplingSettings } from "./sampling-settings.ts";
import { selectCandidates } from "./selection.ts";

/** What the step must achieve. */
export interface StepDuty {
  /** Columns that the schedule gives to this step, at most the number of candidates. */
  readonly quota: number;
  /** Candidates that are chosen at least, the surest first, where the decoder has no quota. */
  readonly leastCount: number;
  /** The step must write at least one token: the next would see the same canvas and never end. */
  readonly mustProgress: boolean;
  /** Candidates from this column on must all hold a token after this step; null for none. */
  readonly fillsFrom: number | null;
}

/**
 * Chooses the candidates to write.
 *
 * @param scan The step's candidates; those that must hold a token and would not are scanned again
 *   without the mask id.
 * @returns The candidates as they will be written, and the chosen columns in `selected`, ascending.
 */
export function denoiseStep(
  scan: StepScan,
  settings: SamplingSettings,
  duty: StepDuty,
): CandidateSet & { readonly selected: Int32Array } {
  const { candidates } = scan;
  const isMask = (index: number) => candidates.tokenIds[index] === settings.maskTokenId;
  // DAEDAL never counts a predicted mask id among what is sure.
  const choice = settings.adaptiveLength === null ? candidates : withoutMasks(candidates, isMask);
  const { quota, leastCount } = duty;
  let chosen = selectCandidates(choice, quota, settings.decoding, leastCount);
  if (duty.mustProgress && chosen.every(isMask)) {
    for (const index of candidates.positions.keys()) scan.replaceMask(index);
    chosen = selectCandidates(candidates, quota, settings.decoding, leastCount);
  }
  if (duty.fillsFrom !== null) chosen = fill(scan, chosen, duty.fillsFrom, isMask);
  if (scan.draft !== null) chosen = admitCandidates(scan, scan.draft, chosen, duty.fillsFrom);
  const selected = Int32Array.from(chosen, (index) => candidates.positions[index] as number);
  return { ...candidates, selected };
}

/** Tells whether a step writes more than `asked` made it. */
export function writesMore(
  written: CandidateSet & { readonly selected: Int32Array },
  asked: StepDuty,
  { decoding }: SamplingSettings,
): boolean {
  if (asked.fillsFrom !== null) return false;
  const chosen = selectCandidates(written, asked.quota, decoding, asked.leastCount);
  return written.selected.length > chosen.length;
}

/** The candidates as a decoder sees them that takes one with the mask id last. */
function withoutMasks(candidates: CandidateSet, isMask: (index: number) => boolean): CandidateSet {
  const confidences = candidates.confidences.map((confidence, index) =>
    isMask(index) ? -1 : confidence,
  );
  return { ...candidates, confidences };
}

/** The chosen candidates and all from column `start` on, each of these with a token. */
function fill(
  scan: StepScan,
  chosen: readonly number[],
  start: number,
  isMask: (index: number) => boolean,
): number[] {
  const kept = new Set(chosen);
  for (const [index, column] of scan.candidates.positions.entries()) {
    if (column < start) continue;
    if (isMask(index)) scan.replaceMask(index);
    kept.add(index);
  }
  return [...kept].sort((a, b) => a - b);
}
