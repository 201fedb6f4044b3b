/** How fast passes of a shape can be had here, in the arrangement that suits them best. */
import {
  type CanvasBatch,
  type PredictorRow,
  packRows,
} from "../../../gpu-backend/canvas/canvas-batch.ts";
import type { CheckpointConfig } from "../../../gpu-backend/model/checkpoint-config.ts";
import {
  type MaskPredictor,
  WHOLE_LANE,
} from "../../../gpu-backend/model-runner/mask-predictor.ts";
import { median, type Timing, time } from "../measure.ts";
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

/** Columns per second. */
export interface ColumnRate {
  /** Of wall time. */
  readonly perSecond: number;
  /** Of CPU time of all threads, which other work on the machine moves little. */
  readonly perCpuSecond: number;
}

/**
 * The best rates of a shape: one pass on every core, or one a core.
 *
 * The arrangement that was best by wall time is measured again and that counts: the best of several
 * measurements is in part the luckiest.
 *
 * @param candidateCount Of a row, at least 1: a third of the embedded network's work is done on them alone.
 */
export async function bestRate(
  predictor: MaskPredictor,
  config: CheckpointConfig,
  shape: ColumnShape,
  candidateCount: number,
): Promise<ColumnRate> {
  const side = Array.from({ length: predictor.sideLaneCount ?? 0 }, (_, i) => i + 1);
  const laneSets = [[WHOLE_LANE], ...(side.length > 0 ? [side] : [])];
  let [perSecond, perCpuSecond] = [0, 0];
  let measureBest = async () => ({ perSecond, perCpuSecond });
  for (const rowCount of ROW_COUNTS) {
    const batch = packShape(config, rowCount, shape, candidateCount);
    for (const lanes of laneSets) {
      const measure = () => measureRate(predictor, batch, lanes);
      const rate = await measure();
      perCpuSecond = Math.max(perCpuSecond, rate.perCpuSecond);
      if (rate.perSecond <= perSecond) continue;
      perSecond = rate.perSecond;
      measureBest = measure;
    }
  }
  return { perSecond: (await measureBest()).perSecond, perCpuSecond };
}

async function measureRate(
  predictor: MaskPredictor,
  batch: CanvasBatch,
  lanes: readonly number[],
): Promise<ColumnRate> {
  const pass = () => Promise.all(lanes.map((lane) => predictor.predict(batch, lane)));
  // The first computes contexts, and allocates.
  await pass();
  const timings: Timing[] = [];
  for (let run = 0; run < RUNS; run += 1) timings.push(await time(pass));
  const columns = lanes.length * batch.rowCount * batch.length;
  return {
    perSecond: columns / median(timings.map(({ wallSeconds }) => wallSeconds)),
    perCpuSecond: columns / median(timings.map(({ cpuSeconds }) => cpuSeconds)),
  };
}

function packShape(
  config: CheckpointConfig,
  rowCount: number,
  { length, contextLength }: ColumnShape,
  candidateCount: number,
) {
  const rowLength = contextLength === 0 ? length : contextLength;
  const rows = Array.from({ length: rowCount }, (_, seed): PredictorRow => {
    const tokenIds = Int32Array.from(makePrompt(config, rowLength, seed));
    const start = rowLength - length;
    return {
      tokenIds,
      attended: null,
      candidateColumns: Int32Array.from(
        { length: Math.min(candidateCount, length) },
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
