/**
 * How many nodes there should be: a pure function of the work that waits and runs.
 *
 * Owns: the number, that it rises at once, falls slowly, and is zero only after a while without work.
 * Does not own: where the work is counted (edge/pool), starting and ending nodes (KEDA, and
 * gpu-backend/autoscale on one machine). Time is passed in.
 */

/** The work of a pool. */
export interface ScalingLoad {
  /** Step units that wait, at the edge and at the nodes. */
  readonly backlogStepUnits: number;
  /** Step units that started requests still need. */
  readonly runningStepUnits: number;
  /** Step units a second of one node at work, as measured; `null` before the first pass. */
  readonly nodeStepUnitsPerSecond: number | null;
}

/** How a pool is to follow its work. */
export interface ScalingPolicy {
  /** In which a pool of the right size gets through all that waits and runs at a moment; above 0. */
  readonly targetWaitMs: number;
  /**
   * In which it gets through what waits and runs on the average of `averagingMs`; above 0. Shorter than
   * `targetWaitMs`: work comes in waves, which the average pool is to meet without growing for each.
   */
  readonly steadyWaitMs: number;
  /** What is so old counts about a third in the average; above 0. */
  readonly averagingMs: number;
  readonly minNodes: number;
  /** At least `minNodes`, and at least 1. */
  readonly maxNodes: number;
  /** A number of nodes that was wanted is kept for so long: load comes in waves. */
  readonly keepMs: number;
  /** The last node stays for so long after the last work. */
  readonly idleMs: number;
  /** Rate of a node that has not measured its own; above 0. */
  readonly unknownStepUnitsPerSecond: number;
}

/** What was wanted of late; plain values. */
export interface ScalingMemory {
  /** Falling numbers, each until when it counts. */
  readonly wanted: readonly { readonly nodes: number; readonly until: number }[];
  /** Epoch milliseconds until which one node stays. */
  readonly busyUntil: number;
  /** Step units on the average, and when that was; `null` after a while without work. */
  readonly average: { readonly stepUnits: number; readonly at: number } | null;
}

/** Before the first decision. */
export const NO_SCALING_MEMORY: ScalingMemory = {
  wanted: [],
  busyUntil: Number.NEGATIVE_INFINITY,
  average: null,
};

/** Decides for a load; how often it is asked changes little. */
export function desireNodes(
  memory: ScalingMemory,
  load: ScalingLoad,
  nowMs: number,
  policy: ScalingPolicy,
): { readonly desiredNodes: number; readonly memory: ScalingMemory } {
  const stepUnits = load.backlogStepUnits + load.runningStepUnits;
  const busyUntil = stepUnits > 0 ? nowMs + policy.idleMs : memory.busyUntil;
  const isIdle = nowMs >= busyUntil;
  const averageUnits = isIdle ? 0 : averageOf(memory, stepUnits, nowMs, policy);
  const rate = load.nodeStepUnitsPerSecond ?? policy.unknownStepUnitsPerSecond;
  const nodesFor = (units: number, waitMs: number) => Math.ceil((units * 1_000) / (rate * waitMs));
  const needed = Math.max(
    nodesFor(stepUnits, policy.targetWaitMs),
    nodesFor(averageUnits, policy.steadyWaitMs),
  );
  const nodes = Math.min(policy.maxNodes, Math.max(policy.minNodes, needed));
  // What is smaller and older than the newest counts no more: at most as many stay as there are nodes.
  const larger = memory.wanted.filter((entry) => entry.until > nowMs && entry.nodes > nodes);
  const wanted = [...larger, { nodes, until: nowMs + policy.keepMs }];
  const most = wanted[0]?.nodes ?? nodes;
  return {
    desiredNodes: Math.max(most, isIdle ? 0 : 1),
    memory: { wanted, busyUntil, average: isIdle ? null : { stepUnits: averageUnits, at: nowMs } },
  };
}

/** The moving average with what there is now; all of it where there is none. */
function averageOf(
  { average }: ScalingMemory,
  stepUnits: number,
  nowMs: number,
  { averagingMs }: ScalingPolicy,
): number {
  if (average === null) return stepUnits;
  const weight = 1 - Math.exp(Math.min(0, average.at - nowMs) / averagingMs);
  return average.stepUnits + (stepUnits - average.stepUnits) * weight;
}
