/** How fast passes of a shape can be had here, in the arrangement that suits them best. */
import { type PredictorRow, packRows } from "../../../gpu-backend/canvas/canvas-batch.ts";
import type { CheckpointConfig } from "../../../gpu-backend/model/checkpoint-config.ts";
import {
  type MaskPredictor,
  WHOLE_LANE,
} from "../../../gpu-backend/model-runner/mask-predictor.ts";
import { median, time } from "../measure.ts";
import { makePrompt } from "./canvas-rows.ts";

/** Shape of a pass, rows left out. */
export interface ColumnShape {
  /** Columns that are fed of each row. */
  readonly length: number;
  /** Columns of the whole row where a span is fed, else 0. */
  readonly contextLength: number;
}

const ROW_COUNTS = [1, 4, 8];
const RUNS = 3;
/** Candidates of a row: about half a block. */
const CANDIDATES = 16;

/**
 * The best rate of a shape, columns per second of wall time: one pass on every core, or one a core.
 */
export async function bestRate(
  predictor: MaskPredictor,
  config: CheckpointConfig,
  shape: ColumnShape,
): Promise<number> {
  const side = Array.from({ length: predictor.sideLaneCount ?? 0 }, (_, i) => i + 1);
  const arrangements = [[WHOLE_LANE], ...(side.length > 0 ? [side] : [])];
  const rates: number[] = [];
  for (const rowCount of ROW_COUNTS) {
    const batch = packShape(config, rowCount, shape);
    for (const lanes of arrangements) {
      const pass = () => Promise.all(lanes.map((lane) => predictor.predict(batch, lane)));
      // The first computes contexts, and allocates.
      await pass();
      const seconds: number[] = [];
      for (let run = 0; run < RUNS; run += 1) seconds.push((await time(pass)).wallSeconds);
      rates.push((lanes.length * rowCount * shape.length) / median(seconds));
    }
  }
  return Math.max(...rates);
}

function packShape(
  config: CheckpointConfig,
  rowCount: number,
  { length, contextLength }: ColumnShape,
) {
  const rowLength = contextLength === 0 ? length : contextLength;
  const rows = Array.from({ length: rowCount }, (_, seed): PredictorRow => {
    const tokenIds = Int32Array.from(makePrompt(config, rowLength, seed));
    const start = rowLength - length;
    return {
      tokenIds,
      attended: null,
      candidateColumns: Int32Array.from(
        { length: Math.min(CANDIDATES, length) },
        (_, i) => start + i,
      ),
      namedTokenIds: Int32Array.of(config.maskTokenId),
      ...(contextLength === 0
        ? {}
        : { span: { start, end: rowLength, contextTokenIds: tokenIds } }),
    };
  });
  return packRows(rows, rowLength);
}
