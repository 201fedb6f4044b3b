/**
 * How a canvas changes its length: grown before and while it is denoised, cut when it is done.
 *
 * Owns: which columns come in and which go.
 * Does not own: doing it, and when it is asked (reverse-process.ts).
 */

import { ApiError } from "#shared/contracts/errors.ts";
import type { Canvas } from "../canvas/canvas.ts";
import type { CandidateSet } from "./candidate-scan.ts";
import type { CanvasResize } from "./denoising-step.ts";
import { findTextEnd } from "./end-of-text.ts";
import type { SamplingSettings } from "./sampling-settings.ts";

/** Whether a canvas is long enough to begin with, and what it needs. */
export interface LengthPlan {
  readonly isSettled: boolean;
  readonly resize: CanvasResize | null;
}

/** Before denoising: more masks while the text's end is not in sight, then end-of-text after them. */
export function planLength(
  canvas: Canvas,
  settings: SamplingSettings,
  endConfidence: number,
): LengthPlan {
  const { adaptiveLength, maskTokenId, endOfTextTokenId } = settings;
  if (adaptiveLength === null) return { isSettled: true, resize: null };
  const { length: column, generationLength } = canvas;
  const room = adaptiveLength.maxLength - generationLength;
  if (endConfidence < adaptiveLength.initialEndConfidence && room > 0) {
    const count = Math.min(adaptiveLength.expansion, room);
    return { isSettled: false, resize: { kind: "insert", column, count, tokenId: maskTokenId } };
  }
  const count = Math.min(Math.floor(adaptiveLength.endWindow / 2), room);
  if (count === 0) return { isSettled: true, resize: null };
  return { isSettled: true, resize: { kind: "insert", column, count, tokenId: endOfTextTokenId } };
}

/**
 * While denoising: while the text's end is not in sight, the candidate of the least confidence that is
 * still masked becomes several masks, if that is below `lowConfidence`. Equal confidences: lowest
 * column.
 *
 * @param blockStart Columns before it stay as they are.
 */
export function planExpansion(
  canvas: Canvas,
  settings: SamplingSettings,
  candidates: CandidateSet,
  blockStart: number,
  endConfidence: number,
): CanvasResize | null {
  const { adaptiveLength, maskTokenId } = settings;
  if (adaptiveLength === null || endConfidence >= adaptiveLength.endConfidence) return null;
  const room = adaptiveLength.maxLength - canvas.generationLength;
  let chosen: number | null = null;
  let least = adaptiveLength.lowConfidence;
  for (const [index, column] of candidates.positions.entries()) {
    const confidence = candidates.confidences[index] as number;
    const isOpen = column >= blockStart && canvas.tokenIds[column] === maskTokenId;
    if (!isOpen || confidence >= least) continue;
    chosen = column;
    least = confidence;
  }
  if (chosen === null || room === 0) return null;
  const count = Math.min(adaptiveLength.expansion - 1, room);
  return { kind: "insert", column: chosen + 1, count, tokenId: maskTokenId };
}

/**
 * When nothing more is to be denoised: under early exit all after the text's end goes, under an
 * adaptive length the closing run of end-of-text but its first.
 */
export function planTrim(canvas: Canvas, settings: SamplingSettings): CanvasResize | null {
  const textEnd = settings.earlyExit ? findTextEnd(canvas, settings) : null;
  const whole = settings.adaptiveLength === null ? canvas.length : lengthToOneEnd(canvas, settings);
  const length = textEnd === null ? whole : textEnd + 1;
  return length === canvas.length ? null : { kind: "truncate", length };
}

/**
 * Refuses what would change the length of a canvas that holds given tokens after its prompt.
 *
 * @throws {ApiError} `invalid_parameter`; `param` is `adaptive_length` or `early_exit`.
 */
export function checkFixedLength({ adaptiveLength, earlyExit }: SamplingSettings): void {
  if (adaptiveLength === null && !earlyExit) return;
  const param = adaptiveLength === null ? "early_exit" : "adaptive_length";
  throw new ApiError("invalid_parameter", `${param} does not go with a template.`, { param });
}

function lengthToOneEnd(canvas: Canvas, settings: SamplingSettings): number {
  let { length } = canvas;
  const isEnd = (column: number) => canvas.tokenIds[column] === settings.endOfTextTokenId;
  while (length - 2 >= canvas.promptLength && isEnd(length - 1) && isEnd(length - 2)) length -= 1;
  return length;
}
