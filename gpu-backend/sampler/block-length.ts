/** Blocks this long or shorter are preferred: Fast-dLLM's and LLaDA2's block length. */
const PREFERRED_MAX_BLOCK_LENGTH = 32;
/** Shorter blocks leave the network too little to choose from. */
const PREFERRED_MIN_BLOCK_LENGTH = 8;

/**
 * Chooses a block length when a request names none: the largest divisor of `generationLength` up to
 * 32 that leaves a step for every block; if that is below 8, the smallest such divisor from 8 on.
 *
 * Always a divisor with `generationLength / blockLength <= steps`.
 */
export function chooseBlockLength(generationLength: number, steps: number): number {
  const fits = (length: number) =>
    generationLength % length === 0 && generationLength / length <= steps;
  for (let length = PREFERRED_MAX_BLOCK_LENGTH; length >= PREFERRED_MIN_BLOCK_LENGTH; length -= 1) {
    if (fits(length)) return length;
  }
  for (let length = PREFERRED_MAX_BLOCK_LENGTH + 1; length < generationLength; length += 1) {
    if (fits(length)) return length;
  }
  return generationLength;
}
