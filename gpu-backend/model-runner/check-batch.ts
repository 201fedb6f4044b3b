import { ApiError } from "#shared/contracts/errors.ts";
import type { BatchChoices, BatchContext, CanvasBatch } from "../canvas/canvas-batch.ts";

/** What a network can take. */
export interface BatchLimits {
  /** Most columns. */
  readonly maxLength: number;
  /** Token ids are below it. */
  readonly tokenIdCount: number;
}

/**
 * Refuses a batch that the network would read out of bounds.
 *
 * @throws {ApiError} `invalid_parameter`; `param` is the field of the batch.
 */
export function checkBatch(batch: CanvasBatch, limits: BatchLimits): void {
  const { rowCount, length } = batch;
  demand(Number.isInteger(rowCount) && rowCount > 0, "rowCount", "must be a positive integer");
  demand(Number.isInteger(length) && length > 0, "length", "must be a positive integer");
  demand(length <= limits.maxLength, "length", `is above the network's ${limits.maxLength}`);
  const size = rowCount * length;
  demand(batch.tokenIds.length === size, "tokenIds", "must have rowCount * length elements");
  demand(batch.attended.length === size, "attended", "must have rowCount * length elements");
  demand(
    batch.tokenIds.every((id) => id >= 0 && id < limits.tokenIdCount),
    "tokenIds",
    `holds an id outside [0, ${limits.tokenIdCount})`,
  );
  demand(
    batch.attended.every((flag) => flag <= 1),
    "attended",
    "holds a value other than 0 and 1",
  );
  demand(
    batch.candidateIndexes.every((index) => index >= 0 && index < size),
    "candidateIndexes",
    "holds an index outside the batch",
  );
  demand(
    batch.contextRows?.every((row) => row >= 0 && row < rowCount) !== false,
    "contextRows",
    "holds an index outside the batch",
  );
  if (batch.choices !== undefined) checkChoices(batch, batch.choices, limits);
  if (batch.context !== undefined) checkContext(batch, batch.context, limits);
}

function checkChoices(batch: CanvasBatch, choices: BatchChoices, limits: BatchLimits): void {
  const { candidateRows, namedTokenIds } = choices;
  const count = batch.candidateIndexes.length;
  demand(
    candidateRows.every((row, i) => row > (candidateRows[i - 1] ?? -1) && row < count),
    "choices.candidateRows",
    "must rise and lie among the candidates",
  );
  demand(namedTokenIds.length > 0, "choices.namedTokenIds", "is empty");
  demand(
    namedTokenIds.every((id) => id >= 0 && id < limits.tokenIdCount),
    "choices.namedTokenIds",
    `holds an id outside [0, ${limits.tokenIdCount})`,
  );
}

function checkContext(batch: CanvasBatch, context: BatchContext, limits: BatchLimits): void {
  const { rowCount, length } = batch;
  demand(
    context.firstColumns.length === rowCount,
    "context.firstColumns",
    "must have rowCount elements",
  );
  demand(
    context.firstColumns.every((first) => first >= 0 && first + length <= context.length),
    "context.firstColumns",
    "leads outside the context",
  );
  const { tokenIds, attended, wholeLengths } = context;
  demand(
    wholeLengths === undefined ||
      (wholeLengths.length === rowCount &&
        wholeLengths.every((whole, row) => holdsRow(context, row, whole, limits))),
    "context.wholeLengths",
    "must have rowCount elements, each of which holds its row",
  );
  const rows = { rowCount, length: context.length, tokenIds, attended };
  checkBatch({ ...rows, candidateIndexes: new Int32Array(0) }, limits);
}

/** Whether what a row of `length` columns drops of its context's, on the left, is padding. */
function holdsRow(
  { attended, length }: BatchContext,
  row: number,
  wholeLength: number,
  { maxLength }: BatchLimits,
): boolean {
  if (wholeLength < 1 || wholeLength > maxLength) return false;
  const start = row * length;
  return !attended.subarray(start, start + Math.max(0, length - wholeLength)).includes(1);
}

function demand(condition: boolean, param: string, complaint: string): void {
  if (!condition) {
    throw new ApiError("invalid_parameter", `The batch's ${param} ${complaint}.`, { param });
  }
}
