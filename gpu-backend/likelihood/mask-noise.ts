import { philox4x32, toUniform } from "../sampler/philox.ts";

/** The draws of the forward process, by name and never in sequence. */
export interface MaskNoise {
  /** Where the batch's mask counts begin, in (0, 1). */
  firstCount(batch: number): number;
  /** The draw that ranks an answer column: the smallest are masked. In (0, 1). */
  order(batch: number, row: number, offset: number): number;
}

/** Last word of the counter; the sampler's own purposes are 0 and 1. */
const COUNT_DRAW = 2;
const ORDER_DRAW = 3;

/**
 * Draws keyed by (seed, batch, row, column), so that an estimate continued elsewhere is the same.
 *
 * @param seed 0 to `Number.MAX_SAFE_INTEGER`.
 */
export function createMaskNoise(seed: number): MaskNoise {
  const low = seed >>> 0;
  const high = Math.floor(seed / 2 ** 32) >>> 0;
  const words = new Uint32Array(4);
  const draw = (...counter: [number, number, number, number]): number => {
    words.set(counter);
    philox4x32(words, low, high);
    return toUniform(words[0] as number, words[1] as number);
  };
  return {
    firstCount: (batch) => draw(0, 0, batch, COUNT_DRAW),
    order: (batch, row, offset) => draw(offset, row, batch, ORDER_DRAW),
  };
}
