/**
 * Rounds weights to the levels of a quantised form; pure arithmetic.
 *
 * Owns: scales, rounding and the order of levels in memory.
 * Does not own: names and shapes of the tensors (quantization.ts), files (quantize-checkpoint.ts).
 */

import { INT4_BLOCK_SIZE, type Quantization } from "./quantization.ts";

/**
 * Most that the magnitudes of two neighbouring int8 levels of an output sum to.
 *
 * Without VNNI the runtime's kernel adds the products of two neighbouring inputs in 16 bits, and
 * saturates silently. An activation is at most 255, and 255 * 128 < 2^15: with this limit the sum is
 * exact on every CPU. Limiting the sum costs less precision than limiting every level to 64.
 */
const MAX_PAIR = 128;

/** Rounding may add a half to each of two levels. */
const MAX_PAIR_BEFORE_ROUNDING = MAX_PAIR - 1;

/** The smallest normal float32; rows below it count as zeros, since their scale would not be precise. */
const SMALLEST_SCALE = 2 ** -126;

const INT4_ZERO = 8;
const INT4_LARGEST = 15;

/** Outputs of a weight are handed over in slabs of rows; see {@link createQuantizer}. */
export interface WeightQuantizer {
  /**
   * Takes the next rows.
   *
   * @param rows `[n, inputs]` row-major float32, finite; not changed.
   */
  take(rows: Float32Array): void;
  /** The levels as the form stores them; complete when all rows are taken. */
  readonly levels: Uint8Array;
  /** The scales as the form stores them. */
  readonly scales: Float32Array;
}

/** Starts the quantised form of a weight `[outputs, inputs]`. */
export function createQuantizer(
  quantization: Quantization,
  outputs: number,
  inputs: number,
): WeightQuantizer {
  return quantization === "int8"
    ? createInt8Quantizer(outputs, inputs)
    : createInt4Quantizer(outputs, inputs);
}

/** Symmetric, one scale per output; a level is at most 127 and pairs are limited to {@link MAX_PAIR}. */
function createInt8Quantizer(outputs: number, inputs: number): WeightQuantizer {
  const levels = new Int8Array(inputs * outputs);
  const scales = new Float32Array(outputs);
  let done = 0;
  return {
    levels: new Uint8Array(levels.buffer),
    scales,
    take(rows) {
      const count = rows.length / inputs;
      const slab = new Int8Array(rows.length);
      for (let row = 0; row < count; row += 1) {
        const start = row * inputs;
        const weights = rows.subarray(start, start + inputs);
        scales[done + row] = roundInt8(weights, slab.subarray(start, start + inputs));
      }
      transpose(slab, count, levels, outputs, done);
      done += count;
    },
  };
}

/** Fills `levels` and returns the scale; 0 for weights that are all zero. */
function roundInt8(weights: Float32Array, levels: Int8Array): number {
  let peak = 0;
  for (let i = 0; i < weights.length; i += 2) {
    const pair = Math.abs(weights[i] as number) + Math.abs(weights[i + 1] ?? 0);
    if (pair > peak) peak = pair;
  }
  const scale = Math.fround(peak / MAX_PAIR_BEFORE_ROUNDING);
  if (scale < SMALLEST_SCALE) return 0;
  const inverse = 1 / scale;
  for (let i = 0; i < weights.length; i += 1) {
    levels[i] = Math.floor((weights[i] as number) * inverse + 0.5);
  }
  return scale;
}

/** Side of the tiles in which levels are transposed: both stay in the processor's first cache. */
const TILE = 64;

/** Writes `[rows, columns]` into columns `offset` and following of `[columns, width]`. */
function transpose(
  from: Int8Array,
  rows: number,
  into: Int8Array,
  width: number,
  offset: number,
): void {
  const columns = from.length / rows;
  for (let firstRow = 0; firstRow < rows; firstRow += TILE) {
    const endRow = Math.min(firstRow + TILE, rows);
    for (let column = 0; column < columns; column += 1) {
      const start = column * width + offset;
      for (let row = firstRow; row < endRow; row += 1) {
        into[start + row] = from[row * columns + column] as number;
      }
    }
  }
}

function createInt4Quantizer(outputs: number, inputs: number): WeightQuantizer {
  const blocks = Math.ceil(inputs / INT4_BLOCK_SIZE);
  const bytesPerBlock = INT4_BLOCK_SIZE / 2;
  const levels = new Uint8Array(outputs * blocks * bytesPerBlock);
  const scales = new Float32Array(outputs * blocks);
  let done = 0;
  return {
    levels,
    scales,
    take(rows) {
      for (let start = 0; start < rows.length; start += inputs) {
        const row = rows.subarray(start, start + inputs);
        for (let block = 0; block < blocks; block += 1) {
          const weights = row.subarray(block * INT4_BLOCK_SIZE, (block + 1) * INT4_BLOCK_SIZE);
          const target = levels.subarray(done * bytesPerBlock, (done + 1) * bytesPerBlock);
          scales[done] = roundInt4(weights, target);
          done += 1;
        }
      }
    },
  };
}

/**
 * Fills `bytes` and returns the scale, which has the sign that puts the largest weight at level 0: there is
 * one more level below zero than above.
 */
function roundInt4(weights: Float32Array, bytes: Uint8Array): number {
  let peak = 0;
  for (const weight of weights) {
    if (Math.abs(weight) > Math.abs(peak)) peak = weight;
  }
  const exactScale = Math.fround(-peak / INT4_ZERO);
  const scale = Math.abs(exactScale) < SMALLEST_SCALE ? 0 : exactScale;
  const level = (i: number): number => {
    const weight = weights[i] ?? 0;
    return scale === 0 ? INT4_ZERO : Math.min(INT4_LARGEST, Math.round(weight / scale) + INT4_ZERO);
  };
  for (let i = 0; i < bytes.length; i += 1) {
    bytes[i] = level(2 * i) | (level(2 * i + 1) << 4);
  }
  return scale;
}
