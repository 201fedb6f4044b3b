/**
 * How the time of a step grows with rows, positions, layers and the queue: the first three should be straight
 * lines, the last one flat. Values in the report, and `cost-growth.svg` beside it.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Checkpoint, readCheckpoint } from "../../../gpu-backend/model/checkpoint.ts";
import type { MaskPredictor } from "../../../gpu-backend/model-runner/mask-predictor.ts";
import { writeCheckpoint } from "../../support/write-checkpoint.ts";
import { drawPanels, type PlotPanel, type PlotPoint } from "../line-plot.ts";
import { median, time } from "../measure.ts";
import type { BenchOptions, BenchPart, BenchReport } from "../part.ts";
import { BenchEngine, exactParameters } from "./bench-engine.ts";
import { MODEL_FOLDER, withFolder, withPredictor } from "./bench-model.ts";
import { BLOCK_LENGTH, makePrompt, makeRows } from "./canvas-rows.ts";
import { RunLog } from "./run-log.ts";
import { steadySteps } from "./step-times.ts";

const RUNS = 7;
const QUICK_RUNS = 2;
const ROW_COUNTS = [1, 2, 4, 8, 16, 32];
const LENGTHS = [32, 64, 96, 128, 192, 256];
const LAYER_COUNTS = [1, 2, 4, 8, 16];
const QUEUES = [0, 250, 500, 1000, 2000];
/** Columns where rows grow, and where layers do. */
const ROW_LENGTH = 64;
const LAYER_LENGTH = 128;
/** Requests that fill a pass, and the steps that are watched, while others wait. */
const RUNNING = 8;
const WATCHED_STEPS = 48;

/** `growth`. */
export const growthPart: BenchPart = {
  name: "growth",
  async run(options, report) {
    const checkpoint = await readCheckpoint(MODEL_FOLDER);
    const panels = await withPredictor(checkpoint, 1, async (predictor) => [
      await growRows(checkpoint, predictor, options, report),
      await growLength(checkpoint, predictor, options, report),
    ]);
    panels.push(await growLayers(checkpoint, options, report));
    panels.push(await growQueue(checkpoint, options, report));
    const file = join(options.plotFolder, "cost-growth.svg");
    writeFileSync(file, drawPanels("Time of a step, one thread", panels));
    report.tell(`drawn in ${file}`);
  },
};

async function growRows(
  { config }: Checkpoint,
  predictor: MaskPredictor,
  options: BenchOptions,
  report: BenchReport,
): Promise<PlotPanel> {
  const points = await measureEach(ROW_COUNTS, options, report, "rows", (rows) =>
    passMs(predictor, makeRows(config, rows, ROW_LENGTH).batch, options),
  );
  return panel(`rows of ${ROW_LENGTH}`, "rows", points);
}

async function growLength(
  { config }: Checkpoint,
  predictor: MaskPredictor,
  options: BenchOptions,
  report: BenchReport,
): Promise<PlotPanel> {
  const lengths = LENGTHS.filter((length) => length <= config.maxSequenceLength);
  const points = await measureEach(lengths, options, report, "positions", (length) =>
    passMs(predictor, makeRows(config, 1, length).batch, options),
  );
  return panel("one row", "positions", points);
}

/** Networks of the embedded one's shape with random weights. */
async function growLayers(
  { config }: Checkpoint,
  options: BenchOptions,
  report: BenchReport,
): Promise<PlotPanel> {
  const measure = (layers: number) =>
    withFolder(async (folder) => {
      writeCheckpoint(folder, {
        config: {
          d_model: config.modelSize,
          mlp_hidden_size: config.mlpHiddenSize,
          n_heads: config.headCount,
          n_kv_heads: config.kvHeadCount,
          embedding_size: config.embeddingSize,
          vocab_size: config.vocabularySize,
          max_sequence_length: config.maxSequenceLength,
          weight_tying: config.hasTiedWeights,
          mask_token_id: config.maskTokenId,
          eos_token_id: config.eosTokenId,
          pad_token_id: config.padTokenId,
          n_layers: layers,
        },
      });
      const checkpoint = await readCheckpoint(folder);
      const { batch } = makeRows(checkpoint.config, 1, LAYER_LENGTH);
      return await withPredictor(checkpoint, 1, (predictor) => passMs(predictor, batch, options));
    });
  const points = await measureEach(LAYER_COUNTS, options, report, "layers", measure);
  return panel(`one row of ${LAYER_LENGTH}`, "layers", points);
}

/** Whole steps of the engine while requests wait that do not fit. */
async function growQueue(
  checkpoint: Checkpoint,
  options: BenchOptions,
  report: BenchReport,
): Promise<PlotPanel> {
  const log = RunLog.open();
  const points = await withPredictor(checkpoint, 1, (predictor) =>
    measureEach(QUEUES, options, report, "waiting", (waiting) =>
      queuedStepMs(checkpoint, predictor, waiting, log),
    ),
  );
  const [first, last] = [points[0]?.y ?? 0, points.at(-1)?.y ?? 0];
  report.add("growth_waiting_2000_over_0", {
    value: last / first,
    unit: "ratio",
    runs: WATCHED_STEPS,
  });
  return panel(`${RUNNING} rows of ${ROW_LENGTH} run`, "waiting requests", points);
}

async function queuedStepMs(
  checkpoint: Checkpoint,
  predictor: MaskPredictor,
  waiting: number,
  log: RunLog,
): Promise<number> {
  const count = RUNNING + waiting;
  const bench = await BenchEngine.create(checkpoint, predictor, {
    maxBatchRows: RUNNING,
    maxQueue: count,
  });
  log.clear();
  const running = Array.from({ length: count }, (_, seed) =>
    bench.submit({
      tier: "quality",
      promptTokenIds: makePrompt(checkpoint.config, ROW_LENGTH - BLOCK_LENGTH, seed),
      parameters: exactParameters(BLOCK_LENGTH, BLOCK_LENGTH),
    }),
  );
  const isEnough = () => log.count >= WATCHED_STEPS + 2;
  const isDone = Promise.all(running.map(({ finished }) => finished));
  while (!isEnough() && (await Promise.race([isDone, pause()])) === undefined);
  const steps = steadySteps(log.read().slice(0, WATCHED_STEPS), () => true);
  bench.engine.cancelAll();
  await isDone;
  return median(steps.map(({ runMs, outsideMs }) => runMs + outsideMs));
}

async function measureEach(
  values: readonly number[],
  { isQuick }: BenchOptions,
  report: BenchReport,
  name: string,
  measure: (value: number) => Promise<number>,
): Promise<PlotPoint[]> {
  report.tell(`time of a step against ${name}`);
  const points: PlotPoint[] = [];
  for (const x of values) points.push({ x, y: await measure(x) });
  for (const { x, y } of points) {
    report.add(`growth_${name}_${x}`, { value: y, unit: "ms", runs: isQuick ? QUICK_RUNS : RUNS });
  }
  return points;
}

/** CPU milliseconds of a pass: one thread computes, whatever else the machine does. */
async function passMs(
  predictor: MaskPredictor,
  batch: Parameters<MaskPredictor["predict"]>[0],
  { isQuick }: BenchOptions,
): Promise<number> {
  await predictor.predict(batch);
  const times: number[] = [];
  for (let run = 0; run < (isQuick ? QUICK_RUNS : RUNS); run += 1) {
    times.push((await time(() => predictor.predict(batch))).cpuSeconds * 1000);
  }
  return median(times);
}

function panel(title: string, xLabel: string, points: readonly PlotPoint[]): PlotPanel {
  return { title, xLabel, yLabel: "ms", points };
}

function pause(): Promise<undefined> {
  return new Promise((resolve) => {
    setTimeout(resolve, 5);
  });
}
