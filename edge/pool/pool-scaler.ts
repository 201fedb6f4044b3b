/**
 * How many nodes there should be.
 *
 * Owns: the number for what is to be done, and that it falls slowly. Pure: time is passed in.
 * Does not own: starting and ending nodes (deploy/, KEDA).
 */
import type { NodeSnapshot, ScalingAnswer } from "#shared/contracts/pool.ts";
import type { PoolLoad } from "./pool-members.ts";

/** Seconds in which a pool of the right size gets through all that waits and runs. */
const TARGET_SECONDS = 10;
/** Step units a second of a node that has not said how fast it is. */
const UNKNOWN_RATE = 50;
/** A node that was wanted is kept for so long: load comes in waves, and a start costs more. */
const KEEP_MS = 60_000;

/** Decides, and remembers what was wanted of late. */
export class PoolScaler {
  /** What was wanted, and until when it counts. */
  #wanted: { readonly nodes: number; readonly until: number }[] = [];

  /** The decision for a load. */
  decide({ nodes, waitingRequests, waitingStepUnits }: PoolLoad, nowMs: number): ScalingAnswer {
    const queued = nodes.reduce((sum, node) => sum + node.queued_step_units, waitingStepUnits);
    const running = nodes.reduce((sum, node) => sum + node.running_step_units, 0);
    const needed = Math.ceil((queued + running) / (TARGET_SECONDS * rateOf(nodes)));
    this.#wanted = this.#wanted.filter(
      ({ until, nodes: count }) => until > nowMs && count > needed,
    );
    this.#wanted.push({ nodes: needed, until: nowMs + KEEP_MS });
    return {
      object: "scaling",
      desired_nodes: Math.max(...this.#wanted.map(({ nodes: count }) => count)),
      ready_nodes: nodes.filter((node) => !node.is_draining).length,
      draining_nodes: nodes.filter((node) => node.is_draining).length,
      waiting_requests: waitingRequests,
      backlog_step_units: queued,
      running_step_units: running,
    };
  }
}

/** Step units a second of one node with full passes, over the nodes that have measured theirs. */
function rateOf(nodes: readonly NodeSnapshot[]): number {
  const rates = nodes
    .filter(({ step_ms: stepMs }) => stepMs > 0)
    .map(({ max_batch_rows: rows, step_ms: stepMs }) => (rows * 1_000) / stepMs);
  if (rates.length === 0) return UNKNOWN_RATE;
  return rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
}
