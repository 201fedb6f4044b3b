/**
 * Which generations share the next forward pass.
 *
 * Owns: the order of arrival, the turns of the shapes, and when there is no room.
 * Does not own: the forward pass, time, or what a generation does with its turn.
 */

/** What the scheduler knows of a generation. */
export interface Schedulable {
  /** Shape of the rows of its next pass; only equal ones share a pass. */
  readonly passKey: string;
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

/** Many more than generations run at a time. */
const MAX_REMEMBERED_SHAPES = 4096;

/** Decides, and does no input or output. */
export class Scheduler<Item extends Schedulable> {
  readonly #limits: SchedulerLimits;
  /** By arrival. */
  #items: Item[] = [];
  /** Turn at which each shape was last served, longest ago first; kept when no generation has it, so that
   * a shape of short generations that comes and goes gets no turn before its time. */
  readonly #servedAt = new Map<string, number>();
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
   * The shape that was served longest ago has its turn (of two never served, the one with the older
   * generation), so each is served once in as many turns as there are shapes. In it the oldest go
   * first, as many as fit; the very oldest always goes.
   */
  schedule(): Item[] {
    const passKey = this.#choosePassKey();
    if (passKey === null) return [];
    this.#turn += 1;
    this.#servedAt.delete(passKey);
    this.#servedAt.set(passKey, this.#turn);
    this.#forgetOldest();
    return this.#fill(passKey);
  }

  /** Passes until the first generation finishes and makes room for a waiting one; at least 1. */
  stepsUntilRoom(): number {
    const remaining = this.#items.map((item) => item.remainingSteps);
    const shapeCount = new Set(this.#items.map((item) => item.passKey)).size;
    return Math.max(1, Math.min(...remaining, Number.MAX_SAFE_INTEGER) * shapeCount);
  }

  #choosePassKey(): string | null {
    let chosen: string | null = null;
    let chosenServedAt = Number.POSITIVE_INFINITY;
    for (const { passKey } of this.#items) {
      const servedAt = this.#servedAt.get(passKey) ?? 0;
      if (servedAt < chosenServedAt) {
        chosen = passKey;
        chosenServedAt = servedAt;
      }
    }
    return chosen;
  }

  /** What was served longest ago has the next turn anyhow, so it need not be remembered. */
  #forgetOldest(): void {
    const [oldest] = this.#servedAt.keys();
    if (this.#servedAt.size > MAX_REMEMBERED_SHAPES && oldest !== undefined) {
      this.#servedAt.delete(oldest);
    }
  }

  #fill(passKey: string): Item[] {
    const chosen: Item[] = [];
    let freeRows = this.#limits.maxBatchRows;
    for (const item of this.#items) {
      if (item.passKey !== passKey) continue;
      if (item.rowCount > freeRows && chosen.length > 0) continue;
      chosen.push(item);
      freeRows -= item.rowCount;
    }
    return chosen;
  }
}
