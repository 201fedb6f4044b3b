/** How busy an engine is. */
import { POSITIONS_PER_STEP_UNIT } from "#shared/contracts/limits.ts";
import type { Tier } from "#shared/contracts/tier-names.ts";
import type { EngineJob } from "./engine-job.ts";
import type { StepTimes } from "./step-times.ts";

/** What an engine has to do, and how fast it was of late. */
export interface EngineLoad {
  /** Generations that have started. */
  readonly runningCount: number;
  /** Generations that wait for their first pass. */
  readonly waitingCount: number;
  /** Step units that those still need, at most: by the length of the rows as they are fed. */
  readonly runningStepUnits: number;
  readonly waitingStepUnits: number;
  /** Step units a second while it has any to execute, 0 before the first. */
  readonly stepUnitsPerSecond: number;
  /** Moving average of one denoising step, 0 before the first. */
  readonly stepMs: number;
  /** The same by the shape of a pass, the shape that was served last at the end. */
  readonly stepMsByShape: ReadonlyMap<string, number>;
  /** Tiers without a generation are left out. */
  readonly byTier: ReadonlyMap<Tier, TierLoad>;
}

/** The generations of one tier. */
export interface TierLoad {
  readonly runningCount: number;
  readonly waitingCount: number;
}

/** The load of an engine that has `jobs`. */
export function readLoad(
  jobs: readonly EngineJob[],
  stepTimes: StepTimes,
  stepUnitsPerSecond: number,
): EngineLoad {
  const running = jobs.filter((job) => job.hasStarted);
  const waiting = jobs.filter((job) => !job.hasStarted);
  return {
    runningCount: running.length,
    waitingCount: waiting.length,
    runningStepUnits: countStepUnits(running),
    waitingStepUnits: countStepUnits(waiting),
    stepUnitsPerSecond,
    stepMs: stepTimes.mean,
    stepMsByShape: stepTimes.byShape,
    byTier: countByTier(jobs),
  };
}

/** Step units of one row of a canvas of so many positions. */
export function countPages(length: number): number {
  return Math.ceil(length / POSITIONS_PER_STEP_UNIT);
}

function countStepUnits(jobs: readonly EngineJob[]): number {
  return jobs.reduce(
    (sum, { remainingSteps, rowCount, passShape }) =>
      sum + remainingSteps * rowCount * countPages(passShape.length),
    0,
  );
}

function countByTier(jobs: readonly EngineJob[]): Map<Tier, TierLoad> {
  const byTier = new Map<Tier, TierLoad>();
  for (const { tier, hasStarted } of jobs) {
    const { runningCount = 0, waitingCount = 0 } = byTier.get(tier) ?? {};
    byTier.set(tier, {
      runningCount: runningCount + (hasStarted ? 1 : 0),
      waitingCount: waitingCount + (hasStarted ? 0 : 1),
    });
  }
  return byTier;
}
