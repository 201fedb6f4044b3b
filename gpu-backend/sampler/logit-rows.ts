/**
 * The logits of some of the columns that were fed.
 *
 * @param logits `[fed.length, logitCount]` row-major float32; overwritten.
 * @param fed Ascending.
 * @param wanted Ascending, a part of `fed`.
 * @returns `[wanted.length, logitCount]`, a view of `logits`.
 */
export function takeRows(
  logits: Float32Array,
  logitCount: number,
  fed: Int32Array,
  wanted: Int32Array,
): Float32Array {
  if (wanted.length === fed.length) return logits;
  let source = 0;
  for (const [target, column] of wanted.entries()) {
    while (fed[source] !== column) source += 1;
    logits.copyWithin(target * logitCount, source * logitCount, (source + 1) * logitCount);
  }
  return logits.subarray(0, wanted.length * logitCount);
}
