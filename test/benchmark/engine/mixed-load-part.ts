/**
 * Customers of all tiers at once, short and long, arriving at random: what the engine loses against a machine
 * that runs nothing but the positions that they need, each shape at its best rate.
 */
import { type Checkpoint, readCheckpoint } from "../../../gpu-backend/model/checkpoint.ts";
import type { MaskPredictor } from "../../../gpu-backend/model-runner/mask-predictor.ts";
import { tierSchema } from "../../../shared/contracts/tier-names.ts";
import { createRandom } from "../../support/write-checkpoint.ts";
import { quantile, type Timing, time } from "../measure.ts";
import type { BenchOptions, BenchPart, BenchReport } from "../part.ts";
import {
  BenchEngine,
  type BenchRequest,
  type FinishedRequest,
  tierParameters,
} from "./bench-engine.ts";
import { MODEL_FOLDER } from "./bench-model.ts";
import { bestRate, type ColumnRate } from "./best-rates.ts";
import { makePrompt } from "./canvas-rows.ts";
import { withNodePredictor } from "./node-defaults.ts";
import { PassLedger, type ShapeAccount } from "./pass-ledger.ts";
import { watchPredictor } from "./watched-predictor.ts";

const REQUESTS = 64;
const QUICK_REQUESTS = 15;
const MIN_LENGTH = 8;
const MAX_LENGTH = 256;
const PROMPT_SHARE = 0.25;
/** The last arrives when about so much of the work is done, however fast the machine is. */
const ARRIVAL_SHARE = 1 / 3;
const TIERS = tierSchema.options;
const SEED = 20261124;
/** Shapes that hold so much of the positions are measured; the rest gets their mean rate. */
const MEASURED_SHARE = 0.99;

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
  const count = options.isQuick ? QUICK_REQUESTS : REQUESTS;
  const meanGapMs = await chooseGap(checkpoint, predictor, count, report);
  const arrivals = planArrivals(checkpoint, count, meanGapMs);
  const now = () => performance.now();
  const ledger = new PassLedger(predictor.sideLaneCount ?? 1, predictor.maxLength);
  const watched = watchPredictor(predictor, (batch, lane) => ledger.begin(batch, lane, now));
  const bench = await BenchEngine.create(checkpoint, watched);
  report.tell(`${count} requests of all tiers arrive at random, ${meanGapMs.toFixed(0)} ms apart`);
  // Before the rates are measured and after, so that what else the machine does meets both alike.
  const first = await submitAll(bench, arrivals, report);
  const rateOf = await bestRates(ledger.shapes, predictor, checkpoint, report);
  const second = await submitAll(bench, arrivals, report);
  const finished = [...first.finished, ...second.finished];
  const seconds = first.wallSeconds + second.wallSeconds;
  const emptySeconds = first.emptySeconds + second.emptySeconds;
  const account = ledger.divide(seconds, emptySeconds, (shape) => rateOf(shape).perSecond);
  const idealCpuSeconds = ledger.shapes.reduce(
    (sum, shape) => sum + shape.needed / rateOf(shape).perCpuSecond,
    0,
  );
  const cpuSeconds = first.cpuSeconds + second.cpuSeconds;
  const runs = finished.length;
  report.add("mixed_load_over_ideal", { value: seconds / account.needed, unit: "ratio", runs });
  report.add("mixed_load_seconds", { value: seconds / 2, unit: "s", runs });
  report.add("mixed_load_cpu_over_ideal", {
    value: cpuSeconds / idealCpuSeconds,
    unit: "ratio of CPU time: without what cores idle, whatever else runs beside",
    runs,
  });
  const unit = "share of the ideal; with 1 they add up to mixed_load_over_ideal";
  const { padding, slowerPasses, noRequest, betweenPasses } = account;
  for (const [name, value] of [
    ["padding", padding],
    ["slower_passes", slowerPasses],
    ["no_request", noRequest],
    ["between_passes", betweenPasses],
  ] as const) {
    report.add(`mixed_load_lost_${name}`, { value: value / account.needed, unit, runs });
  }
  addWaits([...arrivals, ...arrivals], finished, report);
}

/** Mean time between arrivals, milliseconds, by how long the same requests take when they all come at once. */
async function chooseGap(
  checkpoint: Checkpoint,
  predictor: MaskPredictor,
  count: number,
  report: BenchReport,
): Promise<number> {
  report.tell(`${count} requests of all tiers at once, to see how long they take here`);
  const bench = await BenchEngine.create(checkpoint, predictor);
  const { wallSeconds } = await submitAll(bench, planArrivals(checkpoint, count, 0), report);
  return (1000 * ARRIVAL_SHARE * wallSeconds) / count;
}

/** Lengths spread evenly over octaves, tiers in turn, gaps exponential; the same at every run. */
function planArrivals({ config }: Checkpoint, count: number, meanGapMs: number): Arrival[] {
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
    atMs -= meanGapMs * Math.log(1 - random());
    return arrival;
  });
}

/** What became of the requests, and how long that took: in all, and without any request. */
interface LoadRun extends Timing {
  readonly finished: readonly FinishedRequest[];
  readonly emptySeconds: number;
}

async function submitAll(
  bench: BenchEngine,
  arrivals: readonly Arrival[],
  report: BenchReport,
): Promise<LoadRun> {
  const startedAt = performance.now();
  let [present, emptySince, emptyMs] = [0, startedAt, 0];
  const running = arrivals.map(async ({ request, atMs }) => {
    await new Promise((resolve) => {
      setTimeout(resolve, Math.max(0, atMs - (performance.now() - startedAt)));
    });
    if (present === 0) emptyMs += performance.now() - emptySince;
    present += 1;
    const finished = await bench.submit(request).finished;
    present -= 1;
    emptySince = performance.now();
    return finished;
  });
  let finished: FinishedRequest[] = [];
  const timing = await time(async () => {
    finished = await Promise.all(running);
  });
  report.tell(`${finished.length} requests in ${timing.wallSeconds.toFixed(1)} s`);
  const lost = finished.filter(({ outcome }) => outcome !== "completed").length;
  if (lost > 0) throw new Error(`${lost} requests did not complete`);
  return { finished, ...timing, emptySeconds: emptyMs / 1000 };
}

/** The best rate of each shape; of those with the fewest columns the mean of the others. */
async function bestRates(
  accounts: readonly ShapeAccount[],
  predictor: MaskPredictor,
  { config }: Checkpoint,
  report: BenchReport,
): Promise<(account: ShapeAccount) => ColumnRate> {
  const total = accounts.reduce((sum, { needed }) => sum + needed, 0);
  const rates = new Map<ShapeAccount, ColumnRate>();
  let [measured, seconds, cpuSeconds] = [0, 0, 0];
  for (const account of [...accounts].sort((a, b) => b.needed - a.needed)) {
    if (measured >= MEASURED_SHARE * total) break;
    const candidateCount = Math.max(1, Math.round(account.candidates / account.rows));
    const rate = await bestRate(predictor, config, account.shape, candidateCount);
    rates.set(account, rate);
    seconds += account.needed / rate.perSecond;
    cpuSeconds += account.needed / rate.perCpuSecond;
    measured += account.needed;
  }
  report.tell(`${total} columns needed, ${rates.size} of ${accounts.length} shapes measured`);
  const mean = { perSecond: measured / seconds, perCpuSecond: measured / cpuSeconds };
  return (account) => rates.get(account) ?? mean;
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
