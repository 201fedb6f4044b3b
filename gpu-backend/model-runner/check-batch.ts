import { ApiError } from "#shared/contracts/errors.ts";
import type { CanvasBatch } from "../canvas/canvas-batch.ts";

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
}

function demand(condition: boolean, param: string, complaint: string): void {
  if (!condition) {
    throw new ApiError("invalid_parameter", `The batch's ${param} ${complaint}.`, { param });
  }
}
