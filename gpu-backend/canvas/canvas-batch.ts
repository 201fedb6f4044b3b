/**
 * Rows side by side in one forward pass.
 *
 * Owns: left padding to one length, the flat indexes of the wanted logits, and the way back from
 * the batch's logits to each row.
 * Does not own: which rows run together (engine/), what the padded length is (length-bucket.ts).
 */

/** Canvas rows of one length, packed for one forward pass. */
export interface CanvasBatch {
  readonly rowCount: number;
  /** Columns of every row, padding included. */
  readonly length: number;
  /** `[rowCount, length]` row-major. */
  readonly tokenIds: Int32Array;
  /** `[rowCount, length]`: 1 where the column is attended to, 0 where it is padding. */
  readonly attended: Uint8Array;
  /** Flat indexes `row * length + column` whose logits are wanted, ascending; may be empty. */
  readonly candidateIndexes: Int32Array;
}

/** One row to feed to the mask predictor; a view that lives until its process commits. */
export interface PredictorRow {
  /** `[rowLength]`; read, never written. */
  readonly tokenIds: Int32Array;
  /** `[rowLength]`: 0 where a column is padding; null when none is. */
  readonly attended: Uint8Array | null;
  /** Columns whose logits are wanted, ascending; may be empty. */
  readonly candidateColumns: Int32Array;
}

/** Token id of padding columns; never attended to. */
const PADDING_TOKEN_ID = 0;

/**
 * Packs `rows` with padding on the left, so that every row ends at the batch's last column.
 *
 * @param length Columns of the batch, at least the longest row.
 * @throws {RangeError} if a row is longer than `length`.
 */
export function packRows(rows: readonly PredictorRow[], length: number): CanvasBatch {
  const tokenIds = new Int32Array(rows.length * length).fill(PADDING_TOKEN_ID);
  const attended = new Uint8Array(rows.length * length);
  const candidateIndexes = new Int32Array(countCandidates(rows));
  let written = 0;
  for (const [rowIndex, row] of rows.entries()) {
    const padding = length - row.tokenIds.length;
    if (padding < 0) {
      throw new RangeError(`a row of ${row.tokenIds.length} columns in a batch of ${length}`);
    }
    const start = rowIndex * length + padding;
    tokenIds.set(row.tokenIds, start);
    if (row.attended === null) attended.fill(1, start, (rowIndex + 1) * length);
    else attended.set(row.attended, start);
    for (const column of row.candidateColumns) {
      candidateIndexes[written] = start + column;
      written += 1;
    }
  }
  return { rowCount: rows.length, length, tokenIds, attended, candidateIndexes };
}

/**
 * Hands each row its part of the batch's logits.
 *
 * @param logits `[candidates of all rows, logitCount]` row-major float32, in row order.
 * @returns One view `[candidates of the row, logitCount]` per row; no copy.
 */
export function splitLogits(
  rows: readonly PredictorRow[],
  logits: Float32Array,
  logitCount: number,
): Float32Array[] {
  let offset = 0;
  return rows.map((row) => {
    const end = offset + row.candidateColumns.length * logitCount;
    const view = logits.subarray(offset, end);
    offset = end;
    return view;
  });
}

function countCandidates(rows: readonly PredictorRow[]): number {
  let count = 0;
  for (const row of rows) count += row.candidateColumns.length;
  return count;
}
