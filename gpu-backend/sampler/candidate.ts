/**
 * The token that a masked column would take now.
 *
 * Both functions scan one column's logits `[start, end)` of a row-major float32 array without
 * allocating; indexes lie inside the array, so the casts from `number | undefined` hold.
 */

/**
 * `-ln u` of the largest float64 below 1 is 1.1e-16, so Gumbel noise multiplies a score by at most
 * `exp(36.8 × temperature)`.
 */
const MAX_LOG_NOISE = 36.8;

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
 *   lift above the best score so far are passed over without drawing.
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
  const reach = MAX_LOG_NOISE * temperature;
  let best = likeliest;
  let bestScore = gumbelScore(
    logits[start + likeliest] as number,
    drawUniform(likeliest),
    temperature,
  );
  let lowestLogit = Math.log(bestScore) - reach;
  for (let i = start; i < end; i += 1) {
    const logit = logits[i] as number;
    if (!(logit >= lowestLogit)) continue;
    const score = gumbelScore(logit, drawUniform(i - start), temperature);
    if (score > bestScore || (score === bestScore && i - start < best)) {
      best = i - start;
      bestScore = score;
      lowestLogit = Math.log(score) - reach;
    }
  }
  return best;
}
