/**
 * Randomness keyed by (seed, step, position, vocabulary entry).
 *
 * Every draw is a function of its own name, so what else runs, what was drawn before and how a row is
 * padded change nothing, and a run continued elsewhere draws what it would have drawn here.
 */

import { philox4x32, toUniform } from "./philox.ts";
import type { RandomSource } from "./random-source.ts";

/** Last word of the counter: what a draw is for. */
const GUMBEL_DRAW = 0;
const CONFIDENCE_DRAW = 1;

/** Philox as a {@link RandomSource}; remembers its last block, because two draws share one. */
class CounterRandom implements RandomSource {
  readonly seed: number;
  readonly #key0: number;
  readonly #key1: number;
  readonly #firstColumn: number;
  readonly #words = new Uint32Array(4);
  #step = -1;
  #position = -1;
  #pair = -1;

  constructor(seed: number, firstColumn: number) {
    this.seed = seed;
    this.#key0 = seed >>> 0;
    this.#key1 = Math.floor(seed / 2 ** 32) >>> 0;
    this.#firstColumn = firstColumn;
  }

  gumbelUniform(step: number, column: number, vocabularyId: number): number {
    const position = column - this.#firstColumn;
    const pair = vocabularyId >>> 1;
    if (pair !== this.#pair || position !== this.#position || step !== this.#step) {
      this.#draw(pair, position, step, GUMBEL_DRAW);
      this.#pair = pair;
      this.#position = position;
      this.#step = step;
    }
    const first = (vocabularyId & 1) * 2;
    return toUniform(this.#words[first] as number, this.#words[first + 1] as number);
  }

  confidence(step: number, column: number): number {
    this.#pair = -1;
    this.#draw(0, column - this.#firstColumn, step, CONFIDENCE_DRAW);
    return toUniform(this.#words[0] as number, this.#words[1] as number);
  }

  #draw(pair: number, position: number, step: number, purpose: number): void {
    this.#words[0] = pair;
    this.#words[1] = position;
    this.#words[2] = step;
    this.#words[3] = purpose;
    philox4x32(this.#words, this.#key0, this.#key1);
  }
}

/**
 * A random source for one row.
 *
 * @param seed 0 to `Number.MAX_SAFE_INTEGER`; equal seeds draw equally.
 * @param firstColumn The row's first column that is no padding: positions count from there.
 */
export function createCounterRandom(seed: number, firstColumn: number): RandomSource {
  return new CounterRandom(seed, firstColumn);
}
