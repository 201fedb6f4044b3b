/**
 * When a node would be done with a generation: pure, from what the node said last and what was sent to
 * it since.
 *
 * Owns: the estimate, good enough to compare nodes by. Does not own: the choice (choose-node.ts).
 */
import type { NodeSnapshot } from "#shared/contracts/pool.ts";

/** What a generation asks of a node. */
export interface RunDemand {
  /** Canvas positions, roughly: how many tokens a prompt has is known at the node. */
  readonly positions: number;
  /** Positions of one block where passes are fed a block alone; `null` for whole canvases. */
  readonly blockLength: number | null;
  /** Denoising steps at most, at least 1. */
  readonly steps: number;
}

/** A node, and what its last heartbeat does not count yet. */
export interface NodeLoad {
  readonly node: NodeSnapshot;
  /** Generations that this edge has sent since, and their step units. */
  readonly unseenCount: number;
  readonly unseenStepUnits: number;
}

/** Of a node's shapes, those served last are taken to be there still. */
const CURRENT_SHAPES = 4;
/** Shapes whose lengths differ by less are often one: a GPU's buckets are so far apart, a CPU's less. */
const SAME_LENGTH_RATIO = 1.25;
/**
 * Off the prediction where a pass of the shape runs anyhow. In the simulation of deploy/README.md the mean
 * completion is 4 to 11 % less on busy nodes whose passes cost much whatever their rows (a GPU), and
 * within 3 % either way where rows cost all (a CPU) or there is little to do; 0.9 does less.
 */
const SAME_SHAPE_SHARE = 0.8;

/**
 * Predicts a generation's completion on a node, milliseconds from now.
 *
 * A node's generations take turns: while this one runs its steps, each of the others runs as many, or
 * those that it has left. A step takes what the node's passes of late took for a column, times the
 * columns that this one feeds; so a node that has not served the shape yet is compared fairly.
 *
 * @param unknownColumnMs Time of a column at a node that has measured none; above 0.
 */
export function predictCompletion(
  { node, unseenCount, unseenStepUnits }: NodeLoad,
  demand: RunDemand,
  unknownColumnMs: number,
): number {
  const count = node.running_count + node.waiting_count + unseenCount;
  const units = node.running_step_units + node.queued_step_units + unseenStepUnits;
  const stepMs =
    (measureColumnMs(node) ?? unknownColumnMs) * (demand.blockLength ?? demand.positions);
  const steps = demand.steps + Math.min(units, count * demand.steps);
  const isShared = count > 0 && servesShape(node, demand);
  return steps * stepMs * (isShared ? SAME_SHAPE_SHARE : 1);
}

/** Milliseconds of a node's passes by the column that a row feeds; `null` before the first. */
export function measureColumnMs({ step_times: stepTimes }: NodeSnapshot): number | null {
  let totalMs = 0;
  let columns = 0;
  for (const { shape, step_ms: stepMs } of stepTimes) {
    const [length, fed] = shape.split("/");
    const fedColumns = Number(fed === "whole" ? length : fed);
    if (!(fedColumns > 0)) continue;
    totalMs += stepMs;
    columns += fedColumns;
  }
  return totalMs > 0 ? totalMs / columns : null;
}

function servesShape(node: NodeSnapshot, demand: RunDemand): boolean {
  return node.step_times.slice(-CURRENT_SHAPES).some(({ shape }) => {
    const distance = distanceOf(shape, demand);
    return distance !== null && distance < Math.log(SAME_LENGTH_RATIO);
  });
}

/** How far a shape is from a demand's; `null` where one feeds blocks and the other whole canvases. */
function distanceOf(shape: string, { positions, blockLength }: RunDemand): number | null {
  const [length = "", fed = ""] = shape.split("/");
  const isWhole = fed === "whole";
  const shapeLength = Number(length);
  if (isWhole !== (blockLength === null) || !(shapeLength > 0)) return null;
  return Math.abs(Math.log(shapeLength / Math.max(1, positions)));
}
