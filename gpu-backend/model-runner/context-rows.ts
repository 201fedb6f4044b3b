/**
 * The rows behind spans, from the length that they were fed at to the length that their spans share.
 *
 * Owns: padding on the left, added and taken away; leaving the spans out. Does not own: keys and values
 * (context-store.ts).
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

/** What of a context its spans attend to: all but their own columns, which are out of date. */
export interface ContextPart {
  /** Columns of the context. */
  readonly length: number;
  /** `[rows]`: where each row's span begins. */
  readonly firstColumns: Int32Array;
  /** Columns of every span. */
  readonly spanLength: number;
}

/**
 * Puts rows side by side, each ending at the last column of the context (zeros before it where it is shorter, its
 * beginning left out where it is longer), and each without its span.
 *
 * @param columnSize Numbers of one column.
 * @returns `[rows, length - spanLength, columnSize]`.
 */
export function joinRows<Values extends Float32Array | Uint8Array>(
  rows: readonly Values[],
  columnSize: number,
  { length, firstColumns, spanLength }: ContextPart,
  create: (size: number) => Values,
): Values {
  const keptLength = length - spanLength;
  const joined = create(rows.length * keptLength * columnSize);
  for (const [index, row] of rows.entries()) {
    const missing = length - row.length / columnSize;
    const first = firstColumns[index] ?? 0;
    const copy = (start: number, end: number, to: number) => {
      const from = Math.max(start, missing);
      const part = row.subarray((from - missing) * columnSize, (end - missing) * columnSize);
      if (from < end) joined.set(part, (index * keptLength + to + from - start) * columnSize);
    };
    copy(0, first, 0);
    copy(first + spanLength, length, first);
  }
  return joined;
}
