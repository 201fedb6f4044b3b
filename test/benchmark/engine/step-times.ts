import { median } from "../measure.ts";
import type { RunRecord } from "./run-log.ts";

/** One pass with the time before it, in its thread. */
export interface StepTime {
  readonly rows: number;
  readonly length: number;
  /** Inside `session.run`, milliseconds. */
  readonly runMs: number;
  /** Since the run before it in its thread ended, milliseconds. */
  readonly outsideMs: number;
}

/**
 * Steps in the steady state: a run that follows one of equal shape in the same thread.
 *
 * @param records By the end of the run.
 */
export function steadySteps(
  records: readonly RunRecord[],
  isWanted: (record: RunRecord) => boolean,
): StepTime[] {
  const lastOf = new Map<number, RunRecord>();
  const steps: StepTime[] = [];
  for (const record of records) {
    const last = lastOf.get(record.thread);
    lastOf.set(record.thread, record);
    const isSteady = last?.rows === record.rows && last.length === record.length;
    if (last === undefined || !isSteady || !isWanted(record)) continue;
    const { rows, length, startedAt, endedAt } = record;
    const outsideMs = startedAt - last.endedAt;
    steps.push({ rows, length, runMs: endedAt - startedAt, outsideMs });
  }
  return steps;
}

/** The median share of a step that lies outside `session.run`. */
export function outsideShare(steps: readonly StepTime[]): number {
  return median(steps.map(({ runMs, outsideMs }) => outsideMs / (runMs + outsideMs)));
}
