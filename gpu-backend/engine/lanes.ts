/** Which passes run at once: one on every core, or one a core. */
import { WHOLE_LANE } from "../model-runner/mask-predictor.ts";

/** The lanes of a predictor and who is in them. */
export class Lanes {
  readonly #sideLaneCount: number;
  readonly #busy = new Set<number>();

  /** @param sideLaneCount Passes that may run at once, a core each; 0 where every pass takes all. */
  constructor(sideLaneCount: number) {
    this.#sideLaneCount = sideLaneCount;
  }

  /** Passes under way. */
  get busyCount(): number {
    return this.#busy.size;
  }

  /** Passes that run at once under so many generations, at least 1. */
  countFor(jobCount: number): number {
    return this.#isSpread(jobCount) ? this.#sideLaneCount : 1;
  }

  /**
   * The lanes in which a pass may begin. With a generation for each core they share the cores out; with
   * fewer, one pass has every core, and the two never compete.
   */
  free(jobCount: number): number[] {
    if (!this.#isSpread(jobCount)) return this.#busy.size === 0 ? [WHOLE_LANE] : [];
    if (this.#busy.has(WHOLE_LANE)) return [];
    const side = Array.from({ length: this.#sideLaneCount }, (_, index) => index + 1);
    return side.filter((lane) => !this.#busy.has(lane));
  }

  enter(lane: number): void {
    this.#busy.add(lane);
  }

  leave(lane: number): void {
    this.#busy.delete(lane);
  }

  #isSpread(jobCount: number): boolean {
    return this.#sideLaneCount > 0 && jobCount >= this.#sideLaneCount;
  }
}

/**
 * Tells whether a generation goes on in `lane` from what it has left in another: in its own, or in any
 * where the load has changed between the whole and the shared machine. There it costs a pass.
 *
 * @param from Null before its first pass.
 */
export function isReachable(from: number | null, lane: number): boolean {
  return from === null || from === lane || from === WHOLE_LANE || lane === WHOLE_LANE;
}
