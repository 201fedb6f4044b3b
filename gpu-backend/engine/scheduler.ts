/**
 * Which generations share the next forward pass.
 *
 * Owns: the order of arrival, the turns of the length buckets, and when there is no room.
 * Does not own: the forward pass, time, or what a generation does with its turn.
 */

/** What the scheduler knows of a generation. */
export interface Schedulable {
  /** Padded length, columns; only equal ones share a pass. */
  readonly lengthBucket: number;
  /** Rows that it feeds to each pass. */
  readonly rowCount: number;
  /** False until its first pass. */
  readonly hasStarted: boolean;
  /** Passes that it still needs, at least 1. */
  readonly remainingSteps: number;
}

/** Sizes of a node. */
export interface SchedulerLimits {
  /** Rows of one forward pass, at least 1. */
  readonly maxBatchRows: number;
  /** Generations that may wait for their first pass beyond those that fill one pass. */
  readonly maxQueue: number;
}

/** Decides, and does no input or output. */
export class Scheduler<Item extends Schedulable> {
  readonly #limits: SchedulerLimits;
  /** By arrival. */
  #items: Item[] = [];
  /** Turn at which each bucket was last served; kept when it empties, so that a bucket of short
   * generations that empties and fills again gets no turn before its time. */
  readonly #servedAt = new Map<number, number>();
  #turn = 0;

  constructor(limits: SchedulerLimits) {
    this.#limits = limits;
  }

  /** Generations admitted and not removed, oldest first. */
  get items(): readonly Item[] {
    return this.#items;
  }

  /** Generations that wait for their first pass. */
  get waitingCount(): number {
    return this.#items.filter((item) => !item.hasStarted).length;
  }

  /** Tells whether `item` may be admitted now. */
  hasRoomFor(item: Item): boolean {
    const rowCount = this.#items.reduce((sum, { rowCount: rows }) => sum + rows, item.rowCount);
    return rowCount <= this.#limits.maxBatchRows || this.waitingCount < this.#limits.maxQueue;
  }

  /** Puts `item` last; the caller has asked {@link hasRoomFor}. */
  admit(item: Item): void {
    this.#items.push(item);
  }

  /** Forgets `item`: finished, cancelled or failed. */
  remove(item: Item): void {
    this.#items = this.#items.filter((other) => other !== item);
  }

  /**
   * Chooses the generations of the next pass; empty only when there are none.
   *
   * The bucket that was served longest ago has its turn (of two never served, the one with the
   * older generation), so each is served once in as many turns as there are buckets. In it the
   * oldest go first, as many as fit; the very oldest always goes.
   */
  schedule(): Item[] {
    const bucket = this.#chooseBucket();
    if (bucket === null) return [];
    this.#turn += 1;
    this.#servedAt.set(bucket, this.#turn);
    return this.#fill(bucket);
  }

  /** Passes until the first generation finishes and makes room for a waiting one; at least 1. */
  stepsUntilRoom(): number {
    const remaining = this.#items.map((item) => item.remainingSteps);
    const bucketCount = new Set(this.#items.map((item) => item.lengthBucket)).size;
    return Math.max(1, Math.min(...remaining, Number.MAX_SAFE_INTEGER) * bucketCount);
  }

  #chooseBucket(): number | null {
    let chosen: number | null = null;
    let chosenServedAt = Number.POSITIVE_INFINITY;
    for (const { lengthBucket } of this.#items) {
      const servedAt = this.#servedAt.get(lengthBucket) ?? 0;
      if (servedAt < chosenServedAt) {
        chosen = lengthBucket;
        chosenServedAt = servedAt;
      }
    }
    return chosen;
  }

  #fill(bucket: number): Item[] {
    const chosen: Item[] = [];
    let freeRows = this.#limits.maxBatchRows;
    for (const item of this.#items) {
      if (item.lengthBucket !== bucket) continue;
      if (item.rowCount > freeRows && chosen.length > 0) continue;
      chosen.push(item);
      freeRows -= item.rowCount;
    }
    return chosen;
  }
}
