/**
 * Where a text ends, and LLaDA's two flags against an early end as its published code applies them.
 */

import type { Canvas } from "../canvas/canvas.ts";
import type { SamplingSettings } from "./sampling-settings.ts";

/**
 * Before the candidate is chosen: `logits_eos_inf` takes end-of-text out altogether.
 *
 * @param logits Overwritten at end-of-text's place in the column that begins at `start`.
 */
export function excludeEndOfText(
  logits: Float32Array,
  start: number,
  settings: SamplingSettings,
): void {
  if (settings.excludeEndOfText) {
    logits[start + settings.endOfTextTokenId] = Number.NEGATIVE_INFINITY;
  }
}

/**
 * The ids that `confidence_eos_eot_inf` takes out of the softmax once the candidate is chosen: a
 * column whose candidate is one of them has confidence 0 and is committed last.
 *
 * With temperature the published code lowers end-of-text in the noisy copy only, which nothing reads
 * any more: then only end-of-turn leaves the softmax.
 */
export function deferredTokenIds(settings: SamplingSettings): number[] {
  if (!settings.deferEndOfText) return [];
  const { temperature, endOfTextTokenId, endOfTurnTokenId } = settings;
  return [
    ...(temperature === 0 ? [endOfTextTokenId] : []),
    ...(endOfTurnTokenId === null ? [] : [endOfTurnTokenId]),
  ];
}

/**
 * The column of the first end-of-text or end-of-turn of the generation region; null where it holds
 * none before its first mask. What is committed after it is no part of the text.
 */
export function findTextEnd(canvas: Canvas, settings: SamplingSettings): number | null {
  const { maskTokenId, endOfTextTokenId, endOfTurnTokenId } = settings;
  for (let column = canvas.promptLength; column < canvas.length; column += 1) {
    const id = canvas.tokenIds[column];
    if (id === maskTokenId) return null;
    if (id === endOfTextTokenId || id === endOfTurnTokenId) return column;
  }
  return null;
}
