/**
 * The scheduler and the lanes as the engine drives them, on cores and a clock that are simulated: what
 * packing loses can be told to the last bit, on any machine.
 *
 * Owns: the clock and what a pass costs. Does not own: who runs (scheduler.ts), where (lanes.ts).
 */
import {
  type PassShape,
  passShape,
  type RowShape,
} from "../../../../gpu-backend/canvas/canvas-batch.ts";
import { Lanes } from "../../../../gpu-backend/engine/lanes.ts";
import { Scheduler } from "../../../../gpu-backend/engine/scheduler.ts";
import { WHOLE_LANE } from "../../../../gpu-backend/model-runner/mask-predictor.ts";
import type { Tier } from "../../../../shared/contracts/tier-names.ts";

/** One step of a request: columns of its row, and how many of them are fed; null for all. */
export interface SimulatedStep {
  readonly rowLength: number;
  readonly spanLength: number | null;
}

export interface SimulatedRequest {
  readonly tier: Tier;
  readonly arrivesAtMs: number;
  /** At least one. */
  readonly steps: readonly SimulatedStep[];
}

export interface SimulatedRun {
  /** From the first arrival to the last end. */
  readonly totalMs: number;
  /** Of that, without any request. */
  readonly emptyMs: number;
  /** Summed over the cores: in passes. */
  readonly busyMs: number;
  /** What the columns that are needed take in full batches without padding, on all cores. */
  readonly idealMs: number;
  /** Longest wait for a first pass, by tier. */
  readonly longestWaitMs: ReadonlyMap<Tier, number>;
}

const MAX_LENGTH = 256;
const MAX_ROWS = 8;
/**
 * One thread of an AMD EPYC server (AVX2), the embedded model, 2026-11-24: within 5 % of what passes of 64
 * to 256 columns take. Milliseconds of a pass, of a column, and of a column for each that it attends to.
 */
const [PASS_MS, COLUMN_MS, ATTENTION_MS] = [0.7, 0.085, 0.00004];

function passMs(rowCount: number, { fedLength, length }: PassShape): number {
  return PASS_MS + rowCount * fedLength * (COLUMN_MS + ATTENTION_MS * length);
}

function idealMsOf({ rowLength, spanLength }: SimulatedStep): number {
  const shape = { length: rowLength, fedLength: spanLength ?? rowLength, key: "" };
  return passMs(MAX_ROWS, shape) / MAX_ROWS;
}

/** A request in the scheduler's eyes. */
class SimulatedJob {
  readonly deadlineAt = null;
  readonly rowCount = 1;
  readonly request: SimulatedRequest;
  step = 0;
  hasStarted = false;
  /** The lane that has the keys and values of its block. */
  contextLane: number | null = null;

  constructor(request: SimulatedRequest) {
    this.request = request;
  }

  get tier(): Tier {
    return this.request.tier;
  }

  get #current(): SimulatedStep {
    const { steps } = this.request;
    return steps[Math.min(this.step, steps.length - 1)] ?? { rowLength: 1, spanLength: null };
  }

  get passShape(): RowShape {
    return passShape(this.#current.rowLength, this.#current.spanLength, MAX_LENGTH);
  }

  get needsContext(): boolean {
    return this.#current.spanLength !== null;
  }

  get remainingSteps(): number {
    return this.request.steps.length - this.step;
  }
}

/** What it takes to compute again what the lane lacks of its jobs' contexts; from now on it has them. */
function contextsMs(jobs: readonly SimulatedJob[], lane: number): number {
  let ms = 0;
  for (const job of jobs) {
    const { wholeLength } = job.passShape;
    const shape = { length: wholeLength, fedLength: wholeLength, key: "" };
    if (job.needsContext && job.contextLane !== lane) ms += passMs(1, shape);
    job.contextLane = lane;
  }
  return ms;
}

/** Runs `requests` on so many cores to the last one's end. */
export function simulateCores(
  requests: readonly SimulatedRequest[],
  coreCount: number,
): SimulatedRun {
  return new SimulatedCores(requests, coreCount).run();
}

class SimulatedCores {
  readonly #requests: readonly SimulatedRequest[];
  readonly #coreCount: number;
  readonly #lanes: Lanes;
  readonly #scheduler = new Scheduler<SimulatedJob>({ maxBatchRows: MAX_ROWS, maxQueue: 0 });
  /** By arrival. */
  readonly #toArrive: SimulatedJob[];
  /** By their ends. */
  readonly #passes: { readonly endsAt: number; readonly end: () => void }[] = [];
  readonly #longestWaitMs = new Map<Tier, number>();
  #now = 0;
  #emptyMs = 0;
  #busyMs = 0;

  constructor(requests: readonly SimulatedRequest[], coreCount: number) {
    this.#requests = requests;
    this.#coreCount = coreCount;
    this.#lanes = new Lanes(coreCount);
    this.#toArrive = requests
      .map((request) => new SimulatedJob(request))
      .sort((a, b) => a.request.arrivesAtMs - b.request.arrivesAtMs);
  }

  run(): SimulatedRun {
    while (this.#toArrive.length > 0 || this.#passes.length > 0) {
      this.#advance();
      const { count } = this.#scheduler;
      const laneCount = this.#lanes.countFor(count);
      for (const lane of this.#lanes.free(count)) {
        this.#begin(lane, this.#scheduler.schedule({ lane, laneCount, now: this.#now }));
      }
    }
    const steps = this.#requests.flatMap((request) => request.steps);
    return {
      totalMs: this.#now,
      emptyMs: this.#emptyMs,
      busyMs: this.#busyMs,
      idealMs: steps.reduce((sum, step) => sum + idealMsOf(step), 0) / this.#coreCount,
      longestWaitMs: this.#longestWaitMs,
    };
  }

  /** To the next end of a pass or arrival, and all that is then. */
  #advance(): void {
    const arrivesAt = this.#toArrive[0]?.request.arrivesAtMs ?? Number.POSITIVE_INFINITY;
    const next = Math.min(arrivesAt, this.#passes[0]?.endsAt ?? Number.POSITIVE_INFINITY);
    if (this.#scheduler.count === 0) this.#emptyMs += next - this.#now;
    this.#now = next;
    const ended = this.#passes.filter(({ endsAt }) => endsAt <= next);
    for (const { end } of this.#passes.splice(0, ended.length)) end();
    const arrived = this.#toArrive.filter(({ request }) => request.arrivesAtMs <= next);
    this.#toArrive.splice(0, arrived.length);
    for (const job of arrived) this.#scheduler.admit(job, next);
  }

  #begin(lane: number, jobs: readonly SimulatedJob[]): void {
    const [first] = jobs;
    if (first === undefined) return;
    const workMs = passMs(jobs.length, first.passShape) + contextsMs(jobs, lane);
    this.#busyMs += workMs;
    this.#lanes.enter(lane);
    for (const job of jobs) this.#noteStart(job);
    // A pass in the whole lane is shared out over the cores.
    const endsAt = this.#now + workMs / (lane === WHOLE_LANE ? this.#coreCount : 1);
    this.#passes.push({ endsAt, end: () => this.#end(lane, jobs) });
    this.#passes.sort((a, b) => a.endsAt - b.endsAt);
  }

  #end(lane: number, jobs: readonly SimulatedJob[]): void {
    this.#lanes.leave(lane);
    this.#scheduler.release(jobs);
    for (const job of jobs) {
      job.step += 1;
      if (job.remainingSteps === 0) this.#scheduler.remove(job);
    }
  }

  #noteStart(job: SimulatedJob): void {
    if (job.hasStarted) return;
    job.hasStarted = true;
    const waitMs = this.#now - job.request.arrivesAtMs;
    this.#longestWaitMs.set(job.tier, Math.max(waitMs, this.#longestWaitMs.get(job.tier) ?? 0));
  }
}
