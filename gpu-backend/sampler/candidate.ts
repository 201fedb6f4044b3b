/**
 * The token that a masked column would take now.
 *
 * Both functions scan one column's logits `[start, end)` of a row-major float32 array without
 * allocating; indexes lie inside the array, so the casts from `number | undefined` hold.
 */

import { exponential } from "./exponential.ts";

/** Room for the rounding of {@link exponential} and of the score itself. */
const SAFETY = 1 + 1e-6;
/** Just below the distance from 1 to the next smaller float64: no draw comes closer to 1. */
const SMALLEST_GAP = 1e-16;

/**
 * The largest logit's index relative to `start`; the lowest of equal ones, −1 if none is a number
 * above minus infinity.
 */
export function argmax(logits: Float32Array, start: number, end: number): number {
  let best = -1;
  let bestLogit = Number.NEGATIVE_INFINITY;
  for (let i = start; i < end; i += 1) {
    const logit = logits[i] as number;
    if (logit > bestLogit) {
      bestLogit = logit;
      best = i - start;
    }
  }
  return best;
}

/**
 * LLaDA's Gumbel-max score, in float64: the largest score is a draw from `softmax(logit / temperature)`.
 *
 * @param uniform In (0, 1).
 * @param temperature Above 0.
 */
export function gumbelScore(logit: number, uniform: number, temperature: number): number {
  return Math.exp(logit) / (-Math.log(uniform)) ** temperature;
}

/**
 * The index with the largest {@link gumbelScore}, relative to `start`; the lowest of equal ones.
 *
 * @param likeliest What {@link argmax} gives; it is scored first, and entries that no noise could
 *   lift above the best score so far are passed over.
 * @param drawUniform The draw of one vocabulary entry; independent of the order of the calls.
 */
export function gumbelMax(
  logits: Float32Array,
  start: number,
  end: number,
  likeliest: number,
  temperature: number,
  drawUniform: (vocabularyId: number) => number,
): number {
  let best = likeliest;
  let bestScore = gumbelScore(
    logits[start + likeliest] as number,
    drawUniform(likeliest),
    temperature,
  );
  let bestLogScore = Math.log(bestScore);
  for (let i = start; i < end; i += 1) {
    // A score beats the best if −ln u < e^((logit − ln best) / temperature); −ln u is at least 1 − u.
    const distance = ((logits[i] as number) - bestLogScore) / temperature;
    const bound = distance < 0 ? exponential(distance) * SAFETY : 1;
    if (!(bound > SMALLEST_GAP)) continue;
    const uniform = drawUniform(i - start);
    if (1 - uniform > bound) continue;
    const score = gumbelScore(logits[i] as number, uniform, temperature);
    if (score > bestScore || (score === bestScore && i - start < best)) {
      best = i - start;
      bestScore = score;
      bestLogScore = Math.log(score);
    }
  }
  return best;
}
