/** How busy an engine is. */
import { POSITIONS_PER_STEP_UNIT } from "#shared/contracts/limits.ts";
import type { EngineJob } from "./engine-job.ts";

/** What an engine has to do, and how fast it was of late. */
export interface EngineLoad {
  /** Generations that have started. */
  readonly runningCount: number;
  /** Generations that wait for their first pass. */
  readonly waitingCount: number;
  /** Step units that those still need, at most: by the length of the rows as they are fed. */
  readonly runningStepUnits: number;
  readonly waitingStepUnits: number;
  /** Moving average of one denoising step, 0 before the first. */
  readonly stepMs: number;
  /** The same by the shape of a pass, the shape that was served last at the end. */
  readonly stepMsByShape: ReadonlyMap<string, number>;
}

/** Shapes whose step time is remembered; those of requests that come and go are many. */
const MAX_SHAPES = 32;
/** Weight of the newest step in the moving averages. */
const STEP_WEIGHT = 0.2;

/** Moving averages of step times, all together and by shape. */
export class StepTimes {
  readonly #byShape = new Map<string, number>();
  #mean = 0;

  /** Of one step; 0 before the first. */
  get mean(): number {
    return this.#mean;
  }

  get byShape(): ReadonlyMap<string, number> {
    return this.#byShape;
  }

  /** Takes note of a pass. */
  add(shape: string, elapsedMs: number): void {
    this.#mean = average(this.#mean, elapsedMs);
    const known = this.#byShape.get(shape) ?? 0;
    this.#byShape.delete(shape);
    this.#byShape.set(shape, average(known, elapsedMs));
    const [oldest] = this.#byShape.keys();
    if (this.#byShape.size > MAX_SHAPES && oldest !== undefined) this.#byShape.delete(oldest);
  }
}

function average(known: number, next: number): number {
  return known + (next - known) * (known === 0 ? 1 : STEP_WEIGHT);
}

/** The load of an engine that has `jobs`. */
export function readLoad(jobs: readonly EngineJob[], stepTimes: StepTimes): EngineLoad {
  const running = jobs.filter((job) => job.hasStarted);
  const waiting = jobs.filter((job) => !job.hasStarted);
  return {
    runningCount: running.length,
    waitingCount: waiting.length,
    runningStepUnits: countStepUnits(running),
    waitingStepUnits: countStepUnits(waiting),
    stepMs: stepTimes.mean,
    stepMsByShape: stepTimes.byShape,
  };
}

function countStepUnits(jobs: readonly EngineJob[]): number {
  return jobs.reduce((sum, { remainingSteps, rowCount, passShape }) => {
    const pages = Math.ceil(passShape.length / POSITIONS_PER_STEP_UNIT);
    return sum + remainingSteps * rowCount * pages;
  }, 0);
}
