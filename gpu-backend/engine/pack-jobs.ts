import { type CanvasBatch, type PredictorRow, packRows } from "../canvas/canvas-batch.ts";
import type { EngineJob } from "./engine-job.ts";

/** The next rows of some jobs, and the same as one batch. */
export interface PackedJobs {
  readonly rows: readonly PredictorRow[];
  readonly batch: CanvasBatch;
}

/**
 * Packs the next rows of `jobs`, in their order.
 *
 * @param length Padded length of the shape that they have in common, columns.
 */
export function packJobs(jobs: readonly EngineJob[], length: number): PackedJobs {
  const rows: PredictorRow[] = [];
  const wholeLengths: number[] = [];
  for (const job of jobs) {
    const { wholeLength } = job.passShape;
    for (const row of job.forwardRows()) {
      rows.push(row);
      wholeLengths.push(wholeLength);
    }
  }
  return { rows, batch: packRows(rows, length, wholeLengths) };
}
