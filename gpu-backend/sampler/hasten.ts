/**
 * How a run gets on faster where its steps would not fit into the time that is left: each block keeps
 * its order and gets fewer steps, each of which commits more.
 *
 * Pure: whoever measures time says how many steps fit.
 */

/** Where a run stands before a step. */
export interface StepsAhead {
  /** Masks of the current block, and of every block after it. */
  readonly maskedByBlock: readonly number[];
  /** Steps that the run would still take in its blocks, this one included. */
  readonly plannedSteps: number;
  /** Steps that fit, this one included; at least 1. */
  readonly fittingSteps: number;
}

/**
 * Counts the columns that this step must commit at least.
 *
 * The steps that fit are shared out among the blocks by their masks, at least one each; in its block a
 * step takes an even share of what is left. With fewer steps than blocks each block gets one: the
 * fewest that a run can take.
 *
 * @returns 0 where the steps planned fit; all masks of the block where it gets one step.
 */
export function hastenedCount({ maskedByBlock, plannedSteps, fittingSteps }: StepsAhead): number {
  const [masked = 0, ...later] = maskedByBlock;
  if (masked === 0 || plannedSteps <= fittingSteps) return 0;
  const open = later.filter((count) => count > 0);
  const total = open.reduce((sum, count) => sum + count, masked);
  const mostForThis = fittingSteps - open.length;
  const share = Math.floor((fittingSteps * masked) / total);
  const steps = Math.max(1, Math.min(mostForThis, share, masked));
  return Math.ceil(masked / steps);
}
