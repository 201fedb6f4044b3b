import type { Tier } from "#shared/contracts/tier-names.ts";
import type { PassShape } from "../canvas/canvas-batch.ts";

/** Weight of the newest value in a moving average. */
const NEWEST_WEIGHT = 0.2;
/** Shapes that are remembered; those of requests that come and go are many. */
const MAX_SHAPES = 256;

/** What a node has measured of late: its passes by shape, and how much of their steps runs take. */
export class StepTimes {
  readonly #byShape = new Map<string, number>();
  readonly #executedShare = new Map<Tier, number>();
  #mean = 0;
  #columnMs = 0;

  /** Moving average of all passes, milliseconds; 0 before the first. */
  get mean(): number {
    return this.#mean;
  }

  /** The same by the key of the shape, the shape that was served last at the end. */
  get byShape(): ReadonlyMap<string, number> {
    return this.#byShape;
  }

  /** Takes note of a pass. */
  add(shape: PassShape, rowCount: number, elapsedMs: number): void {
    const before = this.#byShape.get(shape.key);
    this.#byShape.delete(shape.key);
    this.#byShape.set(shape.key, average(before, elapsedMs));
    const [oldest] = this.#byShape.keys();
    if (this.#byShape.size > MAX_SHAPES && oldest !== undefined) this.#byShape.delete(oldest);
    this.#mean = average(this.#mean || undefined, elapsedMs);
    const columnMs = elapsedMs / (rowCount * shape.fedLength);
    this.#columnMs = average(this.#columnMs || undefined, columnMs);
  }

  /** Milliseconds of the next pass of `shape`; where there was none, from its columns. */
  estimate(shape: PassShape): number {
    return this.#byShape.get(shape.key) ?? this.#columnMs * shape.fedLength;
  }

  /** Notes how many of its steps a run took. */
  addRun(tier: Tier, executedSteps: number, maxSteps: number): void {
    const share = Math.min(1, executedSteps / Math.max(1, maxSteps));
    this.#executedShare.set(tier, average(this.#executedShare.get(tier), share));
  }

  /** Share of their steps that a tier's runs have taken of late, in [0, 1]; 1 before the first. */
  executedShare(tier: Tier): number {
    return this.#executedShare.get(tier) ?? 1;
  }
}

function average(before: number | undefined, value: number): number {
  return before === undefined ? value : before + (value - before) * NEWEST_WEIGHT;
}
