/**
 * How many columns each step of a block commits: LLaDA's `get_num_transfer_tokens`.
 *
 * @param maskedCount Masks in the block when it begins, at least 0.
 * @param steps Steps of the block, at least 1.
 * @returns One quota per step: equal shares, the remainder one each to the first steps. Sums to
 *   `maskedCount`; 0 where there are more steps than masks.
 */
export function transferSchedule(maskedCount: number, steps: number): number[] {
  const share = Math.floor(maskedCount / steps);
  const remainder = maskedCount % steps;
  return Array.from({ length: steps }, (_, step) => share + (step < remainder ? 1 : 0));
}

/**
 * Steps of one block: an equal share of all steps, the remainder one each to the first blocks.
 * LLaDA's own rule where the steps divide over the blocks; it refuses all others.
 *
 * @param blockCount At most `steps`.
 * @param block From 0.
 */
export function stepsOfBlock(steps: number, blockCount: number, block: number): number {
  return Math.floor(steps / blockCount) + (block < steps % blockCount ? 1 : 0);
}
