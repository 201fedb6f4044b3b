/**
 * Exponentials of many logits: `e^x = 2^(k / 1024) × e^r` with the first factor from a table and the
 * second from three terms of its series, |r| < 0.0007. Relative error below 6e-11, some four times as
 * fast as `Math.exp` in V8, and the softmax is where a step spends its time outside the network.
 */

const FRACTION_BITS = 10;
const FRACTIONS = 2 ** FRACTION_BITS;
const FRACTION_MASK = FRACTIONS - 1;
const PER_UNIT = FRACTIONS * Math.LOG2E;
const UNIT = Math.LN2 / FRACTIONS;
/** Below 2^-1000 an exponential is 0 beside the largest, which is 1. */
const HALVINGS = 1_000;
const LOWEST = -HALVINGS * Math.LN2;

const fractionPowers = Float64Array.from({ length: FRACTIONS }, (_, i) => 2 ** (i / FRACTIONS));
const halvings = Float64Array.from({ length: HALVINGS + 2 }, (_, i) => 2 ** -i);

/**
 * `e^x`.
 *
 * @param x At most 0; below −693 the result is 0. NaN gives NaN.
 */
export function exponential(x: number): number {
  if (x < LOWEST) return 0;
  const scaled = x * PER_UNIT;
  const whole = Math.floor(scaled);
  const rest = (scaled - whole) * UNIT;
  const fraction = fractionPowers[whole & FRACTION_MASK] as number;
  const halving = halvings[-(whole >> FRACTION_BITS)] as number;
  return fraction * halving * (1 + rest * (1 + rest * 0.5));
}

/**
 * The sum of `e^(logit − largest)` over one column's logits `[start, end)`, in float64.
 *
 * @param largest The largest of them; the sum is at least 1. NaN if a logit is NaN or infinite.
 */
export function sumExponentials(
  logits: Float32Array,
  start: number,
  end: number,
  largest: number,
): number {
  let sum = 0;
  for (let i = start; i < end; i += 1) {
    sum += exponential((logits[i] as number) - largest);
  }
  return sum;
}
