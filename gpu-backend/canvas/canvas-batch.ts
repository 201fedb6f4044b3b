/**
 * Rows side by side in one forward pass.
 *
 * Owns: left padding to one length, the flat indexes of the candidates, and the way back from the
 * batch's answer to each row.
 * Does not own: which rows run together (engine/), what the padded length is (length-bucket.ts), the
 * keys and values that stand for a context (model-runner/).
 */

import { type BatchAnswer, type RowAnswer, sliceChoices } from "./candidate-choices.ts";
import { CLOSE_BUCKET_STEP, lengthBucket } from "./length-bucket.ts";

/** Canvas rows of one shape, packed for one forward pass. */
export interface CanvasBatch {
  readonly rowCount: number;
  /** Columns that are fed of every row: padding included, or the span. */
  readonly length: number;
  /** `[rowCount, length]` row-major. */
  readonly tokenIds: Int32Array;
  /** `[rowCount, length]`: 1 where the column is attended to, 0 where it is padding. */
  readonly attended: Uint8Array;
  /** Flat indexes `row * length + column` of the candidates, ascending; may be empty. */
  readonly candidateIndexes: Int32Array;
  /** Candidates whose choices are wanted in place of their logits; none when absent. */
  readonly choices?: BatchChoices;
  /** Rows that are the context of spans to come, ascending; none when absent. */
  readonly contextRows?: Int32Array;
  /** What spans attend to beside themselves; absent where whole rows are fed. */
  readonly context?: BatchContext;
}

/** The candidates of a batch that are answered with choices. */
export interface BatchChoices {
  /** Places in `candidateIndexes`, ascending. */
  readonly candidateRows: Int32Array;
  /** Distinct, at least one. */
  readonly namedTokenIds: Int32Array;
}

/** The whole rows that the spans of a batch are parts of, as they were at an earlier pass. */
export interface BatchContext {
  /** Columns of every row, padding included. */
  readonly length: number;
  /** `[rowCount, length]`; keys and values are those of these ids, those of the span's columns unused. */
  readonly tokenIds: Int32Array;
  /** `[rowCount, length]`: 0 where the column is padding. */
  readonly attended: Uint8Array;
  /** `[rowCount]`: the column at which each span begins. */
  readonly firstColumns: Int32Array;
  /**
   * `[rowCount]`: columns of the pass that a row's keys and values come from, padding included: they
   * follow from that to the last bit. Those of `length` when absent.
   */
  readonly wholeLengths?: Int32Array;
}

/** Columns of a row to feed, among the rest of the row as an earlier pass saw it. */
export interface RowSpan {
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
  /** `[rowLength]`: the row at the earlier pass; read, never written. */
  readonly contextTokenIds: Int32Array;
}

/** One row to feed to the mask predictor; a view that lives until its process commits. */
export interface PredictorRow {
  /** `[rowLength]`; read, never written. */
  readonly tokenIds: Int32Array;
  /** `[rowLength]`: 0 where a column is padding; null when none is. */
  readonly attended: Uint8Array | null;
  /** Columns that an answer is wanted for, ascending and inside the span; may be empty. */
  readonly candidateColumns: Int32Array;
  /** The ids that choices name, distinct; the answer is logits when absent. */
  readonly namedTokenIds?: Int32Array;
  /** True where spans to come have this row as their context. */
  readonly isContext?: boolean;
  /** The columns to feed; the whole row when absent. */
  readonly span?: RowSpan;
}

/** What rows must have in common to share a forward pass. */
export interface PassShape {
  /** Padded length of the whole row, columns. */
  readonly length: number;
  /** Columns that are fed of it, padding included. */
  readonly fedLength: number;
  /** Equal for equal shapes. */
  readonly key: string;
}

/** The shape of one row's pass. */
export interface RowShape extends PassShape {
  /** Padded length of the row when it is fed whole, columns: that of its context, too. */
  readonly wholeLength: number;
}

/** Token id of padding columns; never attended to. */
const PADDING_TOKEN_ID = 0;

/**
 * Tells the shape of a row, from the row alone.
 *
 * @param rowLength Columns of the whole row.
 * @param spanLength Columns that are fed of it; null for the whole row.
 * @param maxLength Most columns of a batch.
 * @param bucketStep Columns between the shortest lengths that whole rows are padded to.
 * @throws {RangeError} if the row is longer.
 */
export function passShape(
  rowLength: number,
  spanLength: number | null,
  maxLength: number,
  bucketStep: number = CLOSE_BUCKET_STEP,
): RowShape {
  const wholeLength = lengthBucket(rowLength, maxLength, bucketStep);
  // Padding of a context costs next to nothing, and short spans gain much from each other.
  const length = spanLength === null ? wholeLength : lengthBucket(rowLength, maxLength);
  return {
    length,
    fedLength: spanLength ?? length,
    key: `${length}/${spanLength ?? "whole"}`,
    wholeLength,
  };
}

/**
 * Packs `rows` with padding on the left, so that every row ends at the last column of `length`.
 *
 * @param rows All whole, or all with spans of one length.
 * @param length Columns of a whole row, at least the longest.
 * @param wholeLengths Of each row with a span, the padded length of the pass that fed it whole; `length`
 *   when left out.
 * @throws {RangeError} if a row is longer than `length`, or of another shape than the first.
 */
export function packRows(
  rows: readonly PredictorRow[],
  length: number,
  wholeLengths: readonly number[] = rows.map(() => length),
): CanvasBatch {
  const [first] = rows;
  if (first?.span === undefined) return packWholeRows(rows, length);
  return packSpans(rows, first.span.end - first.span.start, length, wholeLengths);
}

function packWholeRows(rows: readonly PredictorRow[], length: number): CanvasBatch {
  const candidateIndexes = new Int32Array(countCandidates(rows));
  let written = 0;
  for (const [rowIndex, row] of rows.entries()) {
    if (row.span !== undefined) throw new RangeError("a span among whole rows");
    const start = rowIndex * length + padding(row, length);
    for (const column of row.candidateColumns) {
      candidateIndexes[written] = start + column;
      written += 1;
    }
  }
  const contextRows = [...rows.keys()].filter((rowIndex) => rows[rowIndex]?.isContext === true);
  return {
    rowCount: rows.length,
    length,
    ...padRows(rows, length, (row) => row.tokenIds),
    candidateIndexes,
    ...packChoices(rows),
    ...(contextRows.length > 0 ? { contextRows: Int32Array.from(contextRows) } : {}),
  };
}

function packSpans(
  rows: readonly PredictorRow[],
  spanLength: number,
  contextLength: number,
  wholeLengths: readonly number[],
): CanvasBatch {
  const tokenIds = new Int32Array(rows.length * spanLength);
  const attended = new Uint8Array(rows.length * spanLength).fill(1);
  const candidateIndexes = new Int32Array(countCandidates(rows));
  const firstColumns = new Int32Array(rows.length);
  let written = 0;
  for (const [rowIndex, row] of rows.entries()) {
    const { start, end } = spanOf(row);
    if (end - start !== spanLength) {
      throw new RangeError(`a span of ${end - start} columns in a batch of ${spanLength}`);
    }
    const flat = rowIndex * spanLength;
    tokenIds.set(row.tokenIds.subarray(start, end), flat);
    if (row.attended !== null) attended.set(row.attended.subarray(start, end), flat);
    firstColumns[rowIndex] = padding(row, contextLength) + start;
    for (const column of row.candidateColumns) {
      if (column < start || column >= end) throw new RangeError("a candidate outside its span");
      candidateIndexes[written] = flat + column - start;
      written += 1;
    }
  }
  const context = padRows(rows, contextLength, (row) => spanOf(row).contextTokenIds);
  return {
    rowCount: rows.length,
    length: spanLength,
    tokenIds,
    attended,
    candidateIndexes,
    ...packChoices(rows),
    context: {
      length: contextLength,
      ...context,
      firstColumns,
      wholeLengths: Int32Array.from(wholeLengths),
    },
  };
}

/** Whole rows, `[rows, length]`, each ending at the last column. */
function padRows(
  rows: readonly PredictorRow[],
  length: number,
  read: (row: PredictorRow) => Int32Array,
): { tokenIds: Int32Array; attended: Uint8Array } {
  const tokenIds = new Int32Array(rows.length * length).fill(PADDING_TOKEN_ID);
  const attended = new Uint8Array(rows.length * length);
  for (const [rowIndex, row] of rows.entries()) {
    const start = rowIndex * length + padding(row, length);
    tokenIds.set(read(row), start);
    if (row.attended === null) attended.fill(1, start, (rowIndex + 1) * length);
    else attended.set(row.attended, start);
  }
  return { tokenIds, attended };
}

function padding(row: PredictorRow, length: number): number {
  const count = length - row.tokenIds.length;
  if (count < 0) {
    throw new RangeError(`a row of ${row.tokenIds.length} columns in a batch of ${length}`);
  }
  return count;
}

function spanOf(row: PredictorRow): RowSpan {
  if (row.span === undefined) throw new RangeError("a whole row among spans");
  return row.span;
}

/**
 * Hands each row its part of the batch's answer.
 *
 * @returns One view per row; no copy.
 */
export function splitAnswer(
  rows: readonly PredictorRow[],
  { logits, choices }: BatchAnswer,
  logitCount: number,
): RowAnswer[] {
  let logitOffset = 0;
  let choiceOffset = 0;
  return rows.map(({ candidateColumns, namedTokenIds }) => {
    if (namedTokenIds !== undefined && choices !== null) {
      const start = choiceOffset;
      choiceOffset += candidateColumns.length;
      return sliceChoices(choices, start, choiceOffset);
    }
    const start = logitOffset;
    logitOffset += candidateColumns.length * logitCount;
    return logits.subarray(start, logitOffset);
  });
}

/** @throws {RangeError} if rows name different ids. */
function packChoices(rows: readonly PredictorRow[]): Pick<CanvasBatch, "choices"> {
  const namedTokenIds = rows.find((row) => row.namedTokenIds !== undefined)?.namedTokenIds;
  if (namedTokenIds === undefined) return {};
  const candidateRows: number[] = [];
  let start = 0;
  for (const row of rows) {
    const end = start + row.candidateColumns.length;
    if (row.namedTokenIds !== undefined) {
      if (row.namedTokenIds.join() !== namedTokenIds.join()) {
        throw new RangeError("rows of one batch that name different ids");
      }
      for (let index = start; index < end; index += 1) candidateRows.push(index);
    }
    start = end;
  }
  return { choices: { candidateRows: Int32Array.from(candidateRows), namedTokenIds } };
}

/** Columns that rows feed, the padding around them not counted. */
export function countNeeded(rows: readonly PredictorRow[]): number {
  return rows.reduce((sum, { tokenIds, span }) => {
    return sum + (span === undefined ? tokenIds.length : span.end - span.start);
  }, 0);
}

function countCandidates(rows: readonly PredictorRow[]): number {
  let count = 0;
  for (const row of rows) count += row.candidateColumns.length;
  return count;
}
