/**
 * Customers of all tiers at once, short and long, arriving at random: what the engine loses against a machine
 * that runs nothing but the positions that they need, each shape at its best rate.
 */
import { type Checkpoint, readCheckpoint } from "../../../gpu-backend/model/checkpoint.ts";
import type { MaskPredictor } from "../../../gpu-backend/model-runner/mask-predictor.ts";
import { tierSchema } from "../../../shared/contracts/tier-names.ts";
import { createRandom } from "../../support/write-checkpoint.ts";
import { quantile } from "../measure.ts";
import type { BenchOptions, BenchPart, BenchReport } from "../part.ts";
import {
  BenchEngine,
  type BenchRequest,
  type FinishedRequest,
  tierParameters,
} from "./bench-engine.ts";
import { MODEL_FOLDER } from "./bench-model.ts";
import { bestRate, type ColumnShape } from "./best-rates.ts";
import { makePrompt } from "./canvas-rows.ts";
import { withNodePredictor } from "./node-defaults.ts";
import { watchPredictor } from "./watched-predictor.ts";

const REQUESTS = 64;
const QUICK_REQUESTS = 15;
const MIN_LENGTH = 8;
const MAX_LENGTH = 256;
const PROMPT_SHARE = 0.25;
/** Mean time between arrivals: all are there when about a third of the work is done. */
const MEAN_GAP_MS = 60;
const TIERS = tierSchema.options;
const SEED = 20261124;
/** Shapes that hold so much of the positions are measured; the rest gets their mean rate. */
const MEASURED_SHARE = 0.95;

/** A request, and when it arrives, milliseconds after the first. */
interface Arrival {
  readonly request: BenchRequest;
  readonly atMs: number;
}

/** `mixed-load`. */
export const mixedLoadPart: BenchPart = {
  name: "mixed-load",
  async run(options, report) {
    const checkpoint = await readCheckpoint(MODEL_FOLDER);
    await withNodePredictor(checkpoint, (predictor) =>
      measure(checkpoint, predictor, options, report),
    );
  },
};

async function measure(
  checkpoint: Checkpoint,
  predictor: MaskPredictor,
  options: BenchOptions,
  report: BenchReport,
): Promise<void> {
  const needed = new Map<string, { readonly shape: ColumnShape; columns: number }>();
  const watched = watchPredictor(predictor, (batch) => {
    const shape = { length: batch.length, contextLength: batch.context?.length ?? 0 };
    const key = `${shape.length}/${shape.contextLength}`;
    const entry = needed.get(key) ?? { shape, columns: 0 };
    // Padding is needed by nobody.
    entry.columns += batch.attended.reduce((sum, isAttended) => sum + isAttended, 0);
    needed.set(key, entry);
  });
  const bench = await BenchEngine.create(checkpoint, watched);
  const arrivals = planArrivals(checkpoint, options.isQuick ? QUICK_REQUESTS : REQUESTS);
  report.tell(`${arrivals.length} requests of all tiers arrive at random`);
  const startedAt = performance.now();
  const finished = await submitAll(bench, arrivals);
  const seconds = (performance.now() - startedAt) / 1000;
  const lost = finished.filter(({ outcome }) => outcome !== "completed").length;
  if (lost > 0) throw new Error(`${lost} requests did not complete`);
  report.tell(`done in ${seconds.toFixed(1)} s; measuring the best rate of ${needed.size} shapes`);
  const ideal = await idealSeconds([...needed.values()], predictor, checkpoint, report);
  const runs = arrivals.length;
  report.add("mixed_load_over_ideal", { value: seconds / ideal, unit: "ratio", runs });
  report.add("mixed_load_seconds", { value: seconds, unit: "s", runs });
  addWaits(arrivals, finished, report);
}

/** Lengths spread evenly over octaves, tiers in turn, gaps exponential; the same at every run. */
function planArrivals({ config }: Checkpoint, count: number): Arrival[] {
  const random = createRandom(SEED);
  const maxLength = Math.min(MAX_LENGTH, config.maxSequenceLength);
  let atMs = 0;
  return Array.from({ length: count }, (_, i) => {
    const length = Math.round(MIN_LENGTH * (maxLength / MIN_LENGTH) ** random());
    const promptLength = Math.max(1, Math.floor(length * PROMPT_SHARE));
    const tier = TIERS[i % TIERS.length] ?? "balanced";
    const request = {
      tier,
      promptTokenIds: makePrompt(config, promptLength, i),
      parameters: tierParameters(tier, length - promptLength),
    };
    const arrival = { request, atMs };
    atMs -= MEAN_GAP_MS * Math.log(1 - random());
    return arrival;
  });
}

async function submitAll(
  bench: BenchEngine,
  arrivals: readonly Arrival[],
): Promise<FinishedRequest[]> {
  const startedAt = performance.now();
  const running = arrivals.map(async ({ request, atMs }) => {
    await new Promise((resolve) => {
      setTimeout(resolve, Math.max(0, atMs - (performance.now() - startedAt)));
    });
    return await bench.submit(request).finished;
  });
  return await Promise.all(running);
}

/** Seconds that the columns take, each shape at its best rate. */
async function idealSeconds(
  needed: readonly { readonly shape: ColumnShape; readonly columns: number }[],
  predictor: MaskPredictor,
  { config }: Checkpoint,
  report: BenchReport,
): Promise<number> {
  const total = needed.reduce((sum, { columns }) => sum + columns, 0);
  let measuredColumns = 0;
  let seconds = 0;
  let measuredShapes = 0;
  for (const { shape, columns } of [...needed].sort((a, b) => b.columns - a.columns)) {
    if (measuredColumns >= MEASURED_SHARE * total) break;
    seconds += columns / (await bestRate(predictor, config, shape));
    measuredColumns += columns;
    measuredShapes += 1;
  }
  report.tell(`${total} columns needed, ${measuredShapes} shapes measured`);
  return (seconds * total) / measuredColumns;
}

function addWaits(
  arrivals: readonly Arrival[],
  finished: readonly FinishedRequest[],
  report: BenchReport,
): void {
  for (const tier of TIERS) {
    const own = finished.filter((_, i) => arrivals[i]?.request.tier === tier);
    report.add(`mixed_load_p99_wait_${tier}`, {
      value: quantile(
        own.map(({ waitMs }) => waitMs),
        0.99,
      ),
      unit: "ms",
      runs: own.length,
    });
  }
  report.add("mixed_load_longest_pause", {
    value: Math.max(...finished.map(({ longestPauseMs }) => longestPauseMs)),
    unit: "ms between two steps of one request",
    runs: finished.length,
  });
}
