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
/** Shapes whose lengths differ by less are often one: buckets are this far apart. */
const SAME_LENGTH_RATIO = 1.25;
/** Off the prediction where a pass of the shape runs anyhow. */
const SAME_SHAPE_SHARE = 0.9;

/**
 * Predicts a generation's completion on a node, milliseconds from now.
 *
 * Places in the passes are free while the node has fewer generations than rows; behind a full pass a
 * newcomer waits until enough of what is there has ended. A pass with more rows takes longer; how much
 * depends on the hardware, and up to twice is assumed.
 *
 * @param unknownStepMs Step time of a node that has measured none; above 0.
 */
export function predictCompletion(
  { node, unseenCount, unseenStepUnits }: NodeLoad,
  demand: RunDemand,
  unknownStepMs: number,
): number {
  const stepMs = estimateStepMs(node, demand) ?? unknownStepMs;
  const count = node.running_count + node.waiting_count + unseenCount;
  const units = node.running_step_units + node.queued_step_units + unseenStepUnits;
  const rows = node.max_batch_rows;
  const endingFirst = Math.max(0, count - rows + 1);
  const waitMs = count === 0 ? 0 : (units / count) * endingFirst * (stepMs / rows);
  const runMs = demand.steps * stepMs * (1 + Math.min(1, count / rows));
  const isShared = count > 0 && servesShape(node, demand);
  return (waitMs + runMs) * (isShared ? SAME_SHAPE_SHARE : 1);
}

/** Milliseconds of a step by the node's measured shape that is nearest; `null` where it has none. */
function estimateStepMs(node: NodeSnapshot, demand: RunDemand): number | null {
  let nearest: { readonly distance: number; readonly stepMs: number } | null = null;
  for (const { shape, step_ms: stepMs } of node.step_times) {
    const distance = distanceOf(shape, demand);
    if (distance !== null && (nearest === null || distance < nearest.distance)) {
      nearest = { distance, stepMs };
    }
  }
  return nearest?.stepMs ?? (node.step_ms > 0 ? node.step_ms : null);
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
