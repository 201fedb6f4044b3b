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
  /** Step units a second of one node with full passes, as measured; `null` before the first pass. */
  readonly nodeStepUnitsPerSecond: number | null;
}

/** How a pool is to follow its work. */
export interface ScalingPolicy {
  /** In which a pool of the right size gets through all that waits and runs; above 0. */
  readonly targetWaitMs: number;
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
}

/** Before the first decision. */
export const NO_SCALING_MEMORY: ScalingMemory = { wanted: [], busyUntil: Number.NEGATIVE_INFINITY };

/** Decides for a load. */
export function desireNodes(
  memory: ScalingMemory,
  load: ScalingLoad,
  nowMs: number,
  policy: ScalingPolicy,
): { readonly desiredNodes: number; readonly memory: ScalingMemory } {
  const stepUnits = load.backlogStepUnits + load.runningStepUnits;
  const rate = load.nodeStepUnitsPerSecond ?? policy.unknownStepUnitsPerSecond;
  const needed = Math.ceil((stepUnits * 1_000) / (rate * policy.targetWaitMs));
  const nodes = Math.min(policy.maxNodes, Math.max(policy.minNodes, needed));
  // What is smaller and older than the newest counts no more: at most as many stay as there are nodes.
  const larger = memory.wanted.filter((entry) => entry.until > nowMs && entry.nodes > nodes);
  const wanted = [...larger, { nodes, until: nowMs + policy.keepMs }];
  const busyUntil = stepUnits > 0 ? nowMs + policy.idleMs : memory.busyUntil;
  const atLeast = nowMs < busyUntil ? 1 : 0;
  const most = wanted[0]?.nodes ?? nodes;
  return { desiredNodes: Math.max(most, atLeast), memory: { wanted, busyUntil } };
}
