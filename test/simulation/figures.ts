/** What is read off an outcome. */
import { type Tier, tierSchema } from "../../shared/contracts/tier-names.ts";
import type { PoolOutcome } from "./simulated-pool.ts";
import type { SimulatedRequest } from "./simulated-request.ts";

/** A figure as it is written. */
export interface Figure {
  readonly value: number;
  readonly unit: string;
}

/** The value at a share of them in [0, 1], nearest rank; 0 of none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}

/** Requests that came after the warm-up and were finished. */
export function measuredRequests(outcome: PoolOutcome, warmUpMs: number): SimulatedRequest[] {
  return outcome.requests.filter(
    ({ arrivedAt, endedAt }) => arrivedAt >= warmUpMs && endedAt !== null,
  );
}

/** Milliseconds from arrival to the first pass. */
export function waitOf({ arrivedAt, firstPassAt }: SimulatedRequest): number {
  return (firstPassAt ?? Number.NaN) - arrivedAt;
}

/** Milliseconds from arrival to the last step. */
export function completionOf({ arrivedAt, endedAt }: SimulatedRequest): number {
  return (endedAt ?? Number.NaN) - arrivedAt;
}

/** Requests that were neither finished nor refused. */
export function countLost({ requests, refused }: PoolOutcome): number {
  return requests.filter((request) => request.endedAt === null && !refused.has(request)).length;
}

/** Step units that nodes executed for requests. */
export function countStepUnits(requests: readonly SimulatedRequest[]): number {
  return requests.reduce((sum, { executedSteps, pages }) => sum + executedSteps * pages, 0);
}

/** Of one outcome, each under `prefix`. */
export function readFigures(
  prefix: string,
  outcome: PoolOutcome,
  warmUpMs: number,
): Record<string, Figure> {
  const measured = measuredRequests(outcome, warmUpMs);
  const ms = (value: number): Figure => ({ value: Math.round(value), unit: "ms" });
  const count = (value: number): Figure => ({ value, unit: "requests" });
  const figures: Record<string, Figure> = {
    requests: count(outcome.requests.length),
    lost: count(countLost(outcome)),
    refused: count(outcome.refused.size),
    resumed: count(outcome.resumedCount),
    utilisation: { value: round(outcome.busyMs / outcome.readyMs), unit: "ratio" },
    cost: {
      value: round(outcome.paidMs / countStepUnits(measured)),
      unit: "node seconds per 1000 step units",
    },
  };
  const tiers: readonly (Tier | "all")[] = ["all", ...tierSchema.options];
  for (const tier of tiers) {
    const own = tier === "all" ? measured : measured.filter((request) => request.tier === tier);
    for (const [name, read] of [
      ["wait", waitOf],
      ["completion", completionOf],
    ] as const) {
      const values = own.map(read);
      figures[`${tier}_${name}_p50`] = ms(quantile(values, 0.5));
      figures[`${tier}_${name}_p99`] = ms(quantile(values, 0.99));
    }
  }
  return Object.fromEntries(
    Object.entries(figures).map(([name, figure]) => [`${prefix}_${name}`, figure]),
  );
}

/** To four digits. */
export function round(value: number): number {
  return Number(value.toPrecision(4));
}
