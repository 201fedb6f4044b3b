/**
 * LLaDA's two flags against early end-of-text, as its published code applies them: by writing minus
 * infinity over one column's logits.
 */

import type { SamplingSettings } from "./sampling-settings.ts";

/** Before the candidate is chosen: `logits_eos_inf` takes end-of-text out altogether. */
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
 * After the candidate is chosen: `confidence_eos_eot_inf` takes the ends out of the softmax, so that
 * a column whose candidate is one of them has confidence 0 and is committed last.
 *
 * With temperature the published code lowers end-of-text in the noisy copy only, which nothing reads
 * any more: then only end-of-turn leaves the softmax.
 */
export function deferEndOfText(
  logits: Float32Array,
  start: number,
  settings: SamplingSettings,
): void {
  if (!settings.deferEndOfText) return;
  if (settings.temperature === 0) {
    logits[start + settings.endOfTextTokenId] = Number.NEGATIVE_INFINITY;
  }
  if (settings.endOfTurnTokenId !== null) {
    logits[start + settings.endOfTurnTokenId] = Number.NEGATIVE_INFINITY;
  }
}
