/** What `npm run simulate` runs: pools, loads and mishaps. */
import { POOL_SCALING_POLICY } from "../../edge/pool/pool-scaler.ts";
import { burstyRate, dailyRate, drawArrivals } from "./arrivals.ts";
import { CPU_NODE, GPU_NODE, type NodeKind, REQUESTS_PER_SECOND_OF_AN_EDGE } from "./parameters.ts";
import { ROUTERS, type RouterName } from "./routers.ts";
import { createRandom } from "./seeded-random.ts";
import { type PoolOutcome, simulatePool } from "./simulated-pool.ts";

/** A pool of a fixed size under one load. */
export interface Scenario {
  readonly name: string;
  readonly nodeCount: number;
  readonly edgeCount: number;
  readonly kindOf: (index: number) => NodeKind;
  /** Requests a second, of the whole pool, on the average. */
  readonly rate: number;
  /** At a time in milliseconds; the average at all times when left out. */
  readonly rateAt?: (atMs: number) => number;
  readonly maxRate?: number;
  readonly losses: readonly number[];
  readonly warmUpMs: number;
  readonly durationMs: number;
}

const SEED = 20;
const HALF_SLOW = 2;
const BURST = { periodMs: 30_000, burstMs: 3_000, burstFactor: 5 };

/** Runs one scenario under one policy; all policies get the same requests. */
export function runScenario(scenario: Scenario, router: RouterName, seed = SEED): PoolOutcome {
  const { rate, rateAt = () => rate, maxRate = rate, durationMs } = scenario;
  return simulatePool({
    ...scenario,
    seed,
    createRouter: ROUTERS[router],
    scaling: null,
    arrivals: drawArrivals(rateAt, maxRate, durationMs, createRandom(seed + 2)),
  });
}

/** `perNode` requests a second for each of `nodeCount` nodes. */
export function steadyScenario(
  name: string,
  kind: NodeKind,
  nodeCount: number,
  perNode: number,
  durationMs: number,
): Scenario {
  const rate = nodeCount * perNode;
  return {
    name,
    nodeCount,
    // A few isolates serve even little: clients come from many places.
    edgeCount: Math.max(4, Math.ceil(rate / REQUESTS_PER_SECOND_OF_AN_EDGE)),
    kindOf: () => kind,
    rate,
    losses: [],
    warmUpMs: durationMs / 3,
    durationMs,
  };
}

/** Sixteen nodes under other than steady circumstances. */
export function mishapScenarios(kind: NodeKind, durationMs: number): Scenario[] {
  const base = (name: string, perNode: number) =>
    steadyScenario(`${kind.name}_16_${name}`, kind, 16, perNode, durationMs);
  const slow: NodeKind = {
    ...kind,
    passMs: kind.passMs * HALF_SLOW,
    columnMs: kind.columnMs * HALF_SLOW,
  };
  const bursty = base("bursty", 1);
  return [
    { ...base("half_slow", 1.2), kindOf: (index) => (index % 2 === 0 ? kind : slow) },
    {
      ...base("losses", 1.2),
      losses: [0.35, 0.45, 0.55, 0.65, 0.75, 0.85].map((share) => share * durationMs),
    },
    {
      ...bursty,
      rateAt: burstyRate(bursty.rate, BURST),
      maxRate: bursty.rate * BURST.burstFactor,
    },
  ];
}

export const KINDS = [CPU_NODE, GPU_NODE];

/** Requests a second of a day's busiest hour. */
export const DAY_PEAK_RATE = 16;
/** A day is played so many times as fast: its slopes are so many times as steep. */
export const DAY_SPEED = 12;
export const MAX_DAY_NODES = 24;

/** A day from no node to a dozen and back, by the scaler's own policy. */
export function runDay(durationMs: number, peakRate: number, seed = SEED): PoolOutcome {
  const rateAt = dailyRate(peakRate, durationMs);
  return simulatePool({
    seed,
    createRouter: ROUTERS.ours,
    edgeCount: 4,
    nodeCount: 0,
    kindOf: () => GPU_NODE,
    scaling: { ...POOL_SCALING_POLICY, maxNodes: MAX_DAY_NODES },
    arrivals: drawArrivals(rateAt, peakRate, durationMs, createRandom(seed + 2)),
    losses: [],
    warmUpMs: 0,
    durationMs,
  });
}
