/**
 * Full load for minutes, a fifth of the requests cancelled: does memory stay flat, is every request answered?
 *
 * Memory is that of the whole process, so that a leak in a session's thread shows; and, apart, what the objects of
 * all its threads hold, since the process also keeps what they have let go.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Worker } from "node:worker_threads";
import { readCheckpoint } from "../../../gpu-backend/model/checkpoint.ts";
import { tierSchema } from "../../../shared/contracts/tier-names.ts";
import { createRandom } from "../../support/write-checkpoint.ts";
import type { PlotPoint } from "../line-plot.ts";
import { slope } from "../measure.ts";
import type { BenchPart, BenchReport } from "../part.ts";
import { BenchEngine, tierParameters } from "./bench-engine.ts";
import { MODEL_FOLDER } from "./bench-model.ts";
import { makePrompt } from "./canvas-rows.ts";
import { withNodePredictor } from "./node-defaults.ts";

const IN_FLIGHT = 24;
const CANCELLED_SHARE = 0.2;
const MAX_CANCEL_DELAY_MS = 1_500;
const MAX_PROMPT_LENGTH = 64;
const MAX_NEW_TOKENS = 64;
const SAMPLE_INTERVAL_MS = 1_000;
const TELL_INTERVAL_MS = 30_000;
/** The runtime's arenas and the memo of contexts grow to their bounds first. */
const WARM_UP_SHARE = 0.25;
const TIERS = tierSchema.options;
const MIB = 2 ** 20;

/** MiB by minute. */
interface MemorySamples {
  readonly resident: PlotPoint[];
  /** Objects and buffers of every thread. */
  readonly held: PlotPoint[];
}

interface Counts {
  completed: number;
  cancelled: number;
  failed: number;
}

/** `soak`. */
export const soakPart: BenchPart = {
  name: "soak",
  async run({ soakMinutes }, report) {
    if (soakMinutes === 0) return report.skip(["soak_memory_slope"], "no --soak-minutes");
    let unhandled = 0;
    const count = () => {
      unhandled += 1;
    };
    process.on("unhandledRejection", count);
    const threads: Worker[] = [];
    const keep = (thread: Worker) => threads.push(thread);
    process.on("worker", keep);
    try {
      const checkpoint = await readCheckpoint(MODEL_FOLDER);
      await withNodePredictor(checkpoint, async (predictor) => {
        const bench = await BenchEngine.create(checkpoint, predictor);
        const sampler = sampleMemory(threads, report);
        const endsAt = performance.now() + soakMinutes * 60_000;
        const customers = Array.from({ length: IN_FLIGHT }, (_, seed) =>
          keepAsking(bench, checkpoint.config, seed, endsAt),
        );
        const counts = await Promise.all(customers);
        addFigures(await sampler.stop(), counts, report);
      });
    } finally {
      process.off("unhandledRejection", count);
      process.off("worker", keep);
    }
    report.add("soak_unhandled_rejections", { value: unhandled, unit: "rejections", runs: 1 });
  },
};

/** One customer: the next request when the last has ended. */
async function keepAsking(
  bench: BenchEngine,
  config: Parameters<typeof makePrompt>[0],
  seed: number,
  endsAt: number,
): Promise<Counts> {
  const random = createRandom(seed + 1);
  const counts: Counts = { completed: 0, cancelled: 0, failed: 0 };
  while (performance.now() < endsAt) {
    const tier = TIERS[Math.floor(random() * TIERS.length)] ?? "balanced";
    const promptLength = 1 + Math.floor(random() * MAX_PROMPT_LENGTH);
    const { requestId, finished } = bench.submit({
      tier,
      promptTokenIds: makePrompt(config, promptLength, Math.floor(random() * 1e6)),
      parameters: tierParameters(tier, 8 + Math.floor(random() * (MAX_NEW_TOKENS - 7))),
    });
    const isCancelled = random() < CANCELLED_SHARE;
    const delay = random() * MAX_CANCEL_DELAY_MS;
    const timer = isCancelled ? setTimeout(() => bench.engine.cancel(requestId), delay) : undefined;
    const { outcome } = await finished;
    clearTimeout(timer);
    counts[outcome] += 1;
  }
  return counts;
}

function sampleMemory(
  threads: readonly Worker[],
  report: BenchReport,
): { stop(): Promise<MemorySamples> } {
  const samples: MemorySamples = { resident: [], held: [] };
  const startedAt = performance.now();
  let toldAt = startedAt;
  const sample = async () => {
    const now = performance.now();
    const x = (now - startedAt) / 60_000;
    const { rss, heapUsed, external } = process.memoryUsage();
    const heaps = await Promise.all(threads.map((thread) => thread.getHeapStatistics()));
    const ofThreads = heaps.map((heap) => heap.used_heap_size + heap.external_memory);
    const held = ofThreads.reduce((sum, bytes) => sum + bytes, heapUsed + external) / MIB;
    samples.resident.push({ x, y: rss / MIB });
    samples.held.push({ x, y: held });
    if (now - toldAt < TELL_INTERVAL_MS) return;
    toldAt = now;
    report.tell(`${x.toFixed(1)} min: ${(rss / MIB).toFixed(0)} MiB, ${held.toFixed(0)} held`);
  };
  let isOver = false;
  const sampling = (async () => {
    while (!isOver) {
      await sample();
      await sleep(SAMPLE_INTERVAL_MS);
    }
  })();
  return {
    async stop() {
      isOver = true;
      await sampling;
      return samples;
    },
  };
}

function addFigures(
  { resident, held }: MemorySamples,
  counts: readonly Counts[],
  report: BenchReport,
): void {
  for (const [name, samples, unit] of [
    ["soak_memory", resident, "MiB"],
    ["soak_held", held, "MiB of objects and buffers, all threads"],
  ] as const) {
    const steady = samples.slice(Math.floor(samples.length * WARM_UP_SHARE));
    const runs = steady.length;
    report.add(`${name}_slope`, { value: slope(steady), unit: "MiB/min", runs });
    report.add(name, { value: Math.max(...steady.map(({ y }) => y)), unit, runs });
  }
  for (const outcome of ["completed", "cancelled", "failed"] as const) {
    const value = counts.reduce((sum, count) => sum + count[outcome], 0);
    report.add(`soak_${outcome}`, { value, unit: "requests", runs: 1 });
  }
}
