/**
 * The rows behind spans, from the length that they were fed at to the length that their spans share.
 *
 * Owns: padding on the left, added and taken away. Does not own: keys and values (context-store.ts).
 */
import type { BatchContext } from "../canvas/canvas-batch.ts";

/** A row as it is fed whole, `[length]` each. */
export interface WholeRow {
  readonly tokenIds: Int32Array;
  /** 0 where the column is padding. */
  readonly attended: Uint8Array;
}

/** The rows of a context, each padded as it was when it was fed whole. */
export function wholeRows(rowCount: number, context: BatchContext): WholeRow[] {
  const { length, tokenIds, attended, wholeLengths } = context;
  return Array.from({ length: rowCount }, (_, row) => {
    const wholeLength = wholeLengths?.[row] ?? length;
    const [start, end] = [row * length + Math.max(0, length - wholeLength), (row + 1) * length];
    const padding = wholeLength - (end - start);
    const whole = { tokenIds: new Int32Array(wholeLength), attended: new Uint8Array(wholeLength) };
    whole.tokenIds.set(tokenIds.subarray(start, end), padding);
    whole.attended.set(attended.subarray(start, end), padding);
    return whole;
  });
}

/** `[rowCount]`: where each span begins in its row as that was fed whole, whose keys are turned by that. */
export function wholeFirstColumns({
  firstColumns,
  wholeLengths,
  length,
}: BatchContext): Int32Array {
  return firstColumns.map((column, row) => column - length + (wholeLengths?.[row] ?? length));
}

/**
 * Puts rows side by side, each ending at the last of `size` numbers: zeros before it where it is shorter,
 * its beginning left out where it is longer.
 *
 * @returns `[rows, size]`; the row itself where there is one, of that size.
 */
export function joinRows(rows: readonly Float32Array[], size: number): Float32Array {
  const [first] = rows;
  if (first !== undefined && rows.length === 1 && first.length === size) return first;
  const joined = new Float32Array(rows.length * size);
  for (const [index, row] of rows.entries()) {
    const kept = row.subarray(Math.max(0, row.length - size));
    joined.set(kept, (index + 1) * size - kept.length);
  }
  return joined;
}
