/**
 * How long it takes until a generation begins: pure, from what runs and waits.
 *
 * Owns: the prediction. Does not own: what was measured (step-times.ts), the order of turns
 * (scheduler.ts), which it takes to be that of arrival.
 */
import type { Schedulable } from "./scheduler.ts";
import type { StepTimes } from "./step-times.ts";

/** Where a generation would begin. */
export interface ForecastSettings {
  /** Rows of one pass. */
  readonly maxBatchRows: number;
  /** Passes that run at once. */
  readonly laneCount: number;
}

/**
 * Milliseconds until the first pass of `newcomer` behind `ahead`: rows of its length free their places
 * as their steps run out, and every shape has a pass in each turn.
 *
 * @param ahead Generations that run or wait, oldest first.
 * @returns Null behind others as long as no pass was measured.
 */
export function forecastWait(
  newcomer: Schedulable,
  ahead: readonly Schedulable[],
  times: StepTimes,
  settings: ForecastSettings,
): number | null {
  if (ahead.length === 0) return 0;
  if (times.mean === 0) return null;
  const sameLength = ahead.filter((job) => hasLength(job, newcomer.passShape.length));
  const turns = turnsUntilFree([...sameLength, newcomer], times, settings.maxBatchRows);
  // Behind a free place it still waits for the pass that is under way.
  return Math.max(1, turns) * turnMs(ahead, times, settings.laneCount);
}

/** Longest wait that an overloaded node tells a client, seconds. */
const MAX_RETRY_AFTER_SECONDS = 60;

/** What an overloaded node tells a client: whole seconds until the first of `jobs` that waits begins. */
export function retryAfterSeconds(
  jobs: readonly Schedulable[],
  times: StepTimes,
  settings: ForecastSettings,
): number {
  const seconds = Math.ceil(forecastRoom(jobs, times, settings) / 1000);
  return Math.min(MAX_RETRY_AFTER_SECONDS, Math.max(1, seconds));
}

/** Milliseconds until the first of `jobs` that waits begins; 0 where none does. */
function forecastRoom(
  jobs: readonly Schedulable[],
  times: StepTimes,
  settings: ForecastSettings,
): number {
  const waits: number[] = [];
  for (const length of new Set(jobs.map(({ passShape }) => passShape.length))) {
    const sameLength = jobs.filter((job) => hasLength(job, length));
    const first = sameLength.findIndex((job) => !job.hasStarted);
    const upToFirst = sameLength.slice(0, first + 1);
    if (first >= 0) waits.push(turnsUntilFree(upToFirst, times, settings.maxBatchRows));
  }
  const turns = Math.max(1, Math.min(...waits));
  return waits.length === 0 ? 0 : turns * turnMs(jobs, times, settings.laneCount);
}

/** Turns until the last of `jobs` finds its rows free, as each takes the place that is free first. */
function turnsUntilFree(jobs: readonly Schedulable[], times: StepTimes, rowCount: number): number {
  const freeAt = new Float64Array(rowCount);
  let begin = 0;
  for (const { tier, remainingSteps, rowCount: asked } of jobs) {
    const rows = Math.min(asked, rowCount);
    freeAt.sort();
    begin = freeAt[rows - 1] ?? 0;
    const turns = Math.max(1, Math.round(remainingSteps * times.executedShare(tier)));
    freeAt.fill(begin + turns, 0, rows);
  }
  return begin;
}

/** A pass of every shape that is there. */
function turnMs(jobs: readonly Schedulable[], times: StepTimes, laneCount: number): number {
  const shapes = new Map(jobs.map(({ passShape }) => [passShape.key, passShape]));
  let sum = 0;
  for (const shape of shapes.values()) sum += times.estimate(shape);
  return shapes.size === 1 ? sum : sum / laneCount;
}

function hasLength({ passShape }: Schedulable, length: number): boolean {
  return passShape.length === length;
}
