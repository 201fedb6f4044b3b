/**
 * How near an exact generation comes to what this machine could do at most, and where the rest goes.
 *
 * The floor is arithmetic: multiplications and additions that LLaDA's schedule cannot do without, at the best
 * rate of products, times the cores. Exact generation: prompt and one block on a canvas of 192, one token a step.
 */
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { type Checkpoint, readCheckpoint } from "../../../gpu-backend/model/checkpoint.ts";
import { median, time } from "../measure.ts";
import type { BenchOptions, BenchPart, BenchReport } from "../part.ts";
import { BenchEngine, exactParameters } from "./bench-engine.ts";
import { MODEL_FOLDER, quantizeModel, withFolder, withPredictor } from "./bench-model.ts";
import { BLOCK_LENGTH, makePrompt } from "./canvas-rows.ts";
import { withNodePredictor } from "./node-defaults.ts";
import { countOperations } from "./operations.ts";
import { readProfile, WORK_KINDS } from "./operator-profile.ts";
import { type ProductKind, ProductPeak } from "./product-peak.ts";
import { profileInto, RunLog } from "./run-log.ts";

const LENGTH = 192;
const REQUEST_COUNTS = [1, 8];
const ROUNDS = 3;
/** Before the generations, and again after them. */
const PEAK_RUNS = 5;

/** `floor`. */
export const floorPart: BenchPart = {
  name: "floor",
  async run(options, report) {
    const fp32 = await readCheckpoint(MODEL_FOLDER);
    await withFolder(async (folder) => {
      const int8 = await quantizeModel(MODEL_FOLDER, join(folder, "int8"));
      await measureKind("fp32", fp32, options, report);
      await measureKind("int8", int8, options, report);
      for (const [kind, checkpoint] of [["fp32", fp32] as const, ["int8", int8] as const]) {
        await addBreakdown(kind, checkpoint, report);
      }
    });
  },
};

async function measureKind(
  kind: ProductKind,
  checkpoint: Checkpoint,
  options: BenchOptions,
  report: BenchReport,
): Promise<void> {
  report.tell(`${kind}: products, generations of 1 and 8 requests in turn`);
  const peak = await ProductPeak.find(kind);
  const rounds = options.isQuick ? 1 : ROUNDS;
  const rates = new Map(REQUEST_COUNTS.map((count) => [count, [] as number[]]));
  // Not between the generations: threads that wait for work would be counted as the product's.
  const peakRates = await measurePeak(peak);
  await withNodePredictor(checkpoint, async (predictor) => {
    const bench = await BenchEngine.create(checkpoint, predictor);
    await generate(bench, checkpoint, 1);
    for (let round = 0; round < rounds; round += 1) {
      for (const [count, kept] of rates) {
        const { wallSeconds } = await time(() => generate(bench, checkpoint, count));
        kept.push((count * BLOCK_LENGTH) / wallSeconds);
      }
    }
  });
  peakRates.push(...(await measurePeak(peak)));
  await peak.close();
  addShares(kind, checkpoint, median(peakRates) * availableParallelism(), rates, report);
}

async function measurePeak(peak: ProductPeak): Promise<number[]> {
  const rates: number[] = [];
  for (let run = 0; run < PEAK_RUNS; run += 1) {
    rates.push(peak.rate((await time(() => peak.run())).cpuSeconds));
  }
  return rates;
}

async function generate(bench: BenchEngine, checkpoint: Checkpoint, count: number): Promise<void> {
  const requests = Array.from({ length: count }, (_, seed) => ({
    tier: "quality" as const,
    promptTokenIds: makePrompt(checkpoint.config, LENGTH - BLOCK_LENGTH, seed),
    parameters: exactParameters(BLOCK_LENGTH, BLOCK_LENGTH),
  }));
  await bench.run(requests);
}

function addShares(
  kind: ProductKind,
  { config }: Checkpoint,
  peakRate: number,
  rates: ReadonlyMap<number, readonly number[]>,
  report: BenchReport,
): void {
  // From a whole block masked to its last column.
  const operations = Array.from({ length: BLOCK_LENGTH }, (_, step) =>
    countOperations(config, {
      rows: 1,
      length: LENGTH,
      attended: LENGTH,
      candidates: BLOCK_LENGTH - step,
    }),
  ).reduce((sum, count) => sum + count, 0);
  const floor = (peakRate * BLOCK_LENGTH) / operations;
  const runs = [...rates.values()][0]?.length ?? 0;
  report.add(`product_peak_${kind}_all_cores`, { value: peakRate / 1e9, unit: "GFLOP/s", runs });
  report.add(`floor_${kind}`, { value: floor, unit: "new tokens/s at the peak", runs });
  for (const [count, kept] of rates) {
    const rate = median(kept);
    report.add(`exact_${kind}_${count}`, { value: rate, unit: "new tokens/s", runs });
    report.add(`floor_share_${kind}_${count}`, { value: rate / floor, unit: "ratio", runs });
  }
}

/** Shares of a session's time, one thread: outside the runtime, by kind of operator, between operators. */
async function addBreakdown(
  kind: ProductKind,
  checkpoint: Checkpoint,
  report: BenchReport,
): Promise<void> {
  const log = RunLog.open();
  for (const count of REQUEST_COUNTS) {
    await withFolder(async (folder) => {
      profileInto(join(folder, "run"));
      try {
        await withPredictor(checkpoint, 1, async (predictor) => {
          const bench = await BenchEngine.create(checkpoint, predictor);
          log.clear();
          await generate(bench, checkpoint, count);
        });
      } finally {
        profileInto(null);
      }
      addKinds(`where_${kind}_${count}`, log, folder, report);
    });
  }
}

function addKinds(name: string, log: RunLog, folder: string, report: BenchReport): void {
  const records = log.read();
  const profile = readProfile(folder);
  const insideMs = records.reduce((sum, { startedAt, endedAt }) => sum + endedAt - startedAt, 0);
  const wholeMs =
    Math.max(...records.map((r) => r.endedAt)) - Math.min(...records.map((r) => r.startedAt));
  const add = (part: string, value: number) =>
    report.add(`${name}_${part}`, { value, unit: "share of a step", runs: records.length });
  const inside = insideMs / wholeMs;
  const named = WORK_KINDS.reduce((sum, kind) => sum + profile.byKind[kind], 0);
  for (const kind of WORK_KINDS) add(kind, (inside * profile.byKind[kind]) / profile.runs);
  add("between_operators", inside * (1 - named / profile.runs));
  add("outside_run", 1 - inside);
  const longest = profile.byOperator
    .slice(0, 12)
    .map(([operator, micros]) => `${operator} ${((100 * micros) / profile.runs).toFixed(1)} %`);
  report.tell(`${name}: ${longest.join(", ")}`);
}
