/**
 * LLaDA's two flags against early end-of-text, as its published code applies them.
 */

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
