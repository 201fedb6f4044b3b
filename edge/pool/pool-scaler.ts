/**
 * How many nodes there should be, by what nodes and waiting requests say.
 *
 * Owns: the work and the rate that are decided by. Pure: time is passed in.
 * Does not own: the decision (shared/scaling/desired-nodes.ts), starting and ending nodes (KEDA, the
 * supervisor of one machine).
 */
import type { NodeSnapshot, ScalingAnswer } from "#shared/contracts/pool.ts";
import {
  desireNodes,
  NO_SCALING_MEMORY,
  type ScalingMemory,
  type ScalingPolicy,
} from "#shared/scaling/desired-nodes.ts";
import type { PoolLoad } from "./pool-members.ts";

/**
 * Whoever starts nodes has bounds of its own inside these. The waits and the average are those that cost
 * least for their p99 in the simulated day of deploy/README.md.
 */
export const POOL_SCALING_POLICY: ScalingPolicy = {
  targetWaitMs: 10_000,
  steadyWaitMs: 2_500,
  averagingMs: 300_000,
  minNodes: 0,
  maxNodes: 1_000,
  keepMs: 30_000,
  idleMs: 60_000,
  unknownStepUnitsPerSecond: 50,
};

/** Decides, and remembers what was wanted of late. */
export class PoolScaler {
  readonly #policy: ScalingPolicy;
  #memory: ScalingMemory = NO_SCALING_MEMORY;

  constructor(policy: ScalingPolicy = POOL_SCALING_POLICY) {
    this.#policy = policy;
  }

  /** The decision for a load. */
  decide({ nodes, waitingRequests, waitingStepUnits }: PoolLoad, nowMs: number): ScalingAnswer {
    const backlogStepUnits = nodes.reduce(
      (sum, node) => sum + node.queued_step_units,
      waitingStepUnits,
    );
    const runningStepUnits = nodes.reduce((sum, node) => sum + node.running_step_units, 0);
    const load = { backlogStepUnits, runningStepUnits, nodeStepUnitsPerSecond: rateOf(nodes) };
    const { desiredNodes, memory } = desireNodes(this.#memory, load, nowMs, this.#policy);
    this.#memory = memory;
    return {
      object: "scaling",
      desired_nodes: desiredNodes,
      ready_nodes: nodes.filter((node) => !node.is_draining).length,
      draining_nodes: nodes.filter((node) => node.is_draining).length,
      waiting_requests: waitingRequests,
      backlog_step_units: backlogStepUnits,
      running_step_units: runningStepUnits,
    };
  }
}

/** Step units a second of one node at work, over the nodes that have measured theirs. */
function rateOf(nodes: readonly NodeSnapshot[]): number | null {
  const rates = nodes.map((node) => node.step_units_per_second).filter((rate) => rate > 0);
  if (rates.length === 0) return null;
  return rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
}
