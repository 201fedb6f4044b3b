/**
 * Which generations share the next forward pass.
 *
 * Owns: the order among tiers, shapes and generations, who is under way, and when there is no room.
 * Does not own: the forward pass, the clock, which lane is next (lanes.ts), or what a generation does
 * with its turn.
 */
import type { Tier } from "#shared/contracts/tier-names.ts";
import type { PassShape } from "../canvas/canvas-batch.ts";
import { isReachable } from "./lanes.ts";
import { TierShares } from "./tier-shares.ts";

/** What the scheduler knows of a generation. */
export interface Schedulable {
  readonly tier: Tier;
  /** Epoch milliseconds by which its last step should be done; null where no time is asked for. */
  readonly deadlineAt: number | null;
  /** Shape of the rows of its next pass; only equal ones share a pass. */
  readonly passShape: PassShape;
  /** Rows that it feeds to each pass. */
  readonly rowCount: number;
  /** True where its next pass goes on from what an earlier one has left in its lane. */
  readonly needsContext: boolean;
  /** False until its first pass. */
  readonly hasStarted: boolean;
  /** Passes that it still needs, at most; at least 1. */
  readonly remainingSteps: number;
}

/** Sizes of a node. */
export interface SchedulerLimits {
  /** Rows of one forward pass, at least 1. */
  readonly maxBatchRows: number;
  /** Generations that may wait for their first pass beyond those that fill one pass. */
  readonly maxQueue: number;
}

/** For which pass generations are chosen. */
export interface PassOpening {
  readonly lane: number;
  /** Passes that may run at once, at least 1: work is left for the others. */
  readonly laneCount: number;
  /** Epoch milliseconds. */
  readonly now: number;
}

/** A generation and its place in the order. */
interface Entry<Item> {
  readonly item: Item;
  /** Epoch milliseconds. */
  readonly admittedAt: number;
  /** Counts admissions. */
  readonly order: number;
  /** The lane of its last pass; null before the first. */
  lane: number | null;
  isUnderWay: boolean;
}

interface Served {
  readonly at: number;
  readonly turn: number;
}

/**
 * Whoever asks for no time is due after so long, and so is every shape from when it was last served: a
 * deadline goes before what is due later, and nothing waits for ever behind deadlines.
 */
export const PATIENCE_MS = 10_000;
/** Many more than generations run at a time. */
const MAX_REMEMBERED_SHAPES = 4096;

/** Decides, and does no input or output. */
export class Scheduler<Item extends Schedulable> {
  readonly #limits: SchedulerLimits;
  readonly #shares = new TierShares();
  /** By arrival. */
  readonly #entries = new Map<Item, Entry<Item>>();
  /** When each tier's shape was last served, longest ago first; kept when no generation has it, so that
   * a shape of short generations that comes and goes gets no turn before its time. */
  readonly #served = new Map<string, Served>();
  #admissions = 0;
  #turn = 0;

  constructor(limits: SchedulerLimits) {
    this.#limits = limits;
  }

  /** Generations admitted and not removed, oldest first. */
  get items(): Item[] {
    return [...this.#entries.keys()];
  }

  get count(): number {
    return this.#entries.size;
  }

  /** Generations that wait for their first pass. */
  get waitingCount(): number {
    let count = 0;
    for (const item of this.#entries.keys()) if (!item.hasStarted) count += 1;
    return count;
  }

  /** Tells whether `item` may be admitted now. */
  hasRoomFor(item: Item): boolean {
    let { rowCount } = item;
    for (const other of this.#entries.keys()) rowCount += other.rowCount;
    return rowCount <= this.#limits.maxBatchRows || this.waitingCount < this.#limits.maxQueue;
  }

  /** Takes `item` in; the caller has asked {@link hasRoomFor}. */
  admit(item: Item, now: number): void {
    const isTierIdle = ![...this.#entries.keys()].some(({ tier }) => tier === item.tier);
    if (isTierIdle) this.#shares.enter(item.tier);
    this.#admissions += 1;
    this.#entries.set(item, {
      item,
      admittedAt: now,
      order: this.#admissions,
      lane: null,
      isUnderWay: false,
    });
  }

  /** Forgets `item`: finished, cancelled or failed. */
  remove(item: Item): void {
    this.#entries.delete(item);
  }

  /** Tells whether `item` is in a pass that has not ended. */
  isUnderWay(item: Item): boolean {
    return this.#entries.get(item)?.isUnderWay === true;
  }

  /** Takes back what {@link schedule} gave out, after its pass. */
  release(items: readonly Item[]): void {
    for (const item of items) {
      const entry = this.#entries.get(item);
      if (entry !== undefined) entry.isUnderWay = false;
    }
  }

  /**
   * Chooses the generations of the next pass, which is under way until they are released; empty only
   * when all are under way.
   *
   * The tier with the smallest share so far has its turn; in it the shape that is due first: that with
   * the earliest deadline or, without one, that was served longest ago. In the shape, the tier's own
   * go before the others', and the earliest due before the later, as many as fit; the first always goes.
   */
  schedule({ lane, laneCount, now }: PassOpening): Item[] {
    const ready = this.#readyFor(lane);
    const tier = this.#shares.choose(new Set(ready.map(({ item }) => item.tier)));
    if (tier === null) return [];
    const own = ready.filter(({ item }) => item.tier === tier);
    const passKey = this.#choosePassKey(own, now);
    const chosen = this.#fill(
      ready.filter(({ item }) => item.passShape.key === passKey),
      this.#rowsOf(passKey, laneCount),
      (entry) => this.#rank(entry, tier, now),
    );
    this.#turn += 1;
    for (const entry of chosen) {
      const { item } = entry;
      entry.lane = lane;
      entry.isUnderWay = true;
      // Other tiers' rows take places that were free: charged for them, a tier whose short rows ride
      // with every pass would never have a turn for its long ones.
      if (item.tier === tier) this.#shares.charge(tier, item.rowCount * item.passShape.fedLength);
      this.#rememberTurn(`${item.tier} ${passKey}`, now);
    }
    return chosen.map(({ item }) => item);
  }

  /**
   * What may go on in `lane`. Where there is nothing, what waits for another: its context then costs a
   * pass more, which is less than a core that idles until the block ends.
   */
  #readyFor(lane: number): Entry<Item>[] {
    const waiting = [...this.#entries.values()].filter(({ isUnderWay }) => !isUnderWay);
    const own = waiting.filter(
      (entry) => !entry.item.needsContext || isReachable(entry.lane, lane),
    );
    return own.length > 0 ? own : waiting;
  }

  /**
   * Rows of a pass: as many as one lane's share of all columns holds. So a shape stays together where
   * the other lanes have other work, and is shared out where it is most of the work.
   */
  #rowsOf(passKey: string, laneCount: number): number {
    const { maxBatchRows } = this.#limits;
    if (laneCount === 1) return maxBatchRows;
    let columns = 0;
    let fedLength = 1;
    for (const { passShape, rowCount } of this.#entries.keys()) {
      columns += rowCount * passShape.fedLength;
      if (passShape.key === passKey) fedLength = passShape.fedLength;
    }
    return Math.min(maxBatchRows, Math.ceil(columns / (laneCount * fedLength)));
  }

  #choosePassKey(own: readonly Entry<Item>[], now: number): string {
    let first: { passKey: string; dueAt: number; turn: number } | null = null;
    for (const { item, admittedAt } of own) {
      const passKey = item.passShape.key;
      const { at, turn } = this.#served.get(`${item.tier} ${passKey}`) ?? {
        at: admittedAt,
        turn: 0,
      };
      const dueAt = Math.min(at + PATIENCE_MS, liveDeadline(item, now));
      const isEarlier =
        first === null || dueAt < first.dueAt || (dueAt === first.dueAt && turn < first.turn);
      if (isEarlier) first = { passKey, dueAt, turn };
    }
    return first?.passKey ?? "";
  }

  /** Smaller goes first: own tier, then the others by their shares; in a tier by when it is due. */
  #rank({ item, admittedAt, order }: Entry<Item>, tier: Tier, now: number): readonly number[] {
    const share = item.tier === tier ? Number.NEGATIVE_INFINITY : this.#shares.servedOf(item.tier);
    const dueAt = Math.min(admittedAt + PATIENCE_MS, liveDeadline(item, now));
    return [share, dueAt, order];
  }

  #fill(
    entries: readonly Entry<Item>[],
    rowCount: number,
    rank: (entry: Entry<Item>) => readonly number[],
  ): Entry<Item>[] {
    const ranked = entries
      .map((entry) => ({ entry, rank: rank(entry) }))
      .sort((a, b) => compareRanks(a.rank, b.rank));
    const chosen: Entry<Item>[] = [];
    let freeRows = rowCount;
    for (const { entry } of ranked) {
      if (entry.item.rowCount > freeRows && chosen.length > 0) continue;
      chosen.push(entry);
      freeRows -= entry.item.rowCount;
    }
    return chosen;
  }

  /** What was served longest ago has the next turn anyhow, so it need not be remembered. */
  #rememberTurn(flow: string, now: number): void {
    this.#served.delete(flow);
    this.#served.set(flow, { at: now, turn: this.#turn });
    const [oldest] = this.#served.keys();
    if (this.#served.size > MAX_REMEMBERED_SHAPES && oldest !== undefined) {
      this.#served.delete(oldest);
    }
  }
}

/** A deadline that has passed is none: there is nothing left to win. */
function liveDeadline({ deadlineAt }: Schedulable, now: number): number {
  return deadlineAt !== null && deadlineAt > now ? deadlineAt : Number.POSITIVE_INFINITY;
}

function compareRanks(a: readonly number[], b: readonly number[]): number {
  for (const [index, value] of a.entries()) {
    const other = b[index] ?? 0;
    if (value !== other) return value < other ? -1 : 1;
  }
  return 0;
}
