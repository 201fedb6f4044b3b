/** Columns between the shortest buckets. */
const SMALLEST_BUCKET_STEP = 32;
/** Buckets between a power of two and the next: padding is at most a fifth of a long row. */
const BUCKETS_PER_OCTAVE = 4;

/**
 * Chooses the padded length of a row from its own length alone, so that a row has one shape whatever
 * runs beside it: 32, 64, … 256, then four lengths between powers of two.
 *
 * @param length Columns of the row, at least 1.
 * @param maxLength Most columns of a batch; the last bucket.
 * @throws {RangeError} if the row is longer than `maxLength`.
 */
export function lengthBucket(length: number, maxLength: number): number {
  if (length > maxLength) {
    throw new RangeError(`${length} columns for a model that holds ${maxLength}`);
  }
  const powerBelow = 2 ** Math.floor(Math.log2(Math.max(1, length - 1)));
  const step = Math.max(SMALLEST_BUCKET_STEP, powerBelow / BUCKETS_PER_OCTAVE);
  return Math.min(maxLength, Math.ceil(length / step) * step);
}
