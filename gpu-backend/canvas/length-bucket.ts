/**
 * Columns between the shortest buckets where rows of different lengths are to share a pass: cached spans
 * everywhere, and whole rows on a device that many rows keep busy.
 */
export const SHARED_BUCKET_STEP = 32;
/**
 * The same for whole rows on cores, where one row keeps its core busy and padding costs what a row does:
 * 1x104 takes 0.82 of 1x128 (two cores of an AMD EPYC server, AVX2, one thread, 2026-11-24).
 */
export const CLOSE_BUCKET_STEP = 8;
/** From twice so many columns on, the step grows with the length. */
const CONSTANT_STEP_COLUMNS = 128;

/**
 * Chooses the padded length of a row from its own length alone, so that a row has one shape whatever
 * runs beside it: multiples of `smallestStep` up to 256, then of twice that up to 512, and so on. Padding
 * is at most a fifth of a long row with the larger step, a sixteenth with the smaller.
 *
 * @param length Columns of the row, at least 1.
 * @param maxLength Most columns of a batch; the last bucket.
 * @param smallestStep A power of two; a bucket of a step is one of every smaller step, too.
 * @throws {RangeError} if the row is longer than `maxLength`.
 */
export function lengthBucket(
  length: number,
  maxLength: number,
  smallestStep: number = SHARED_BUCKET_STEP,
): number {
  if (length > maxLength) {
    throw new RangeError(`${length} columns for a model that holds ${maxLength}`);
  }
  const powerBelow = 2 ** Math.floor(Math.log2(Math.max(1, length - 1)));
  const step = smallestStep * Math.max(1, powerBelow / CONSTANT_STEP_COLUMNS);
  return Math.min(maxLength, Math.ceil(length / step) * step);
}
