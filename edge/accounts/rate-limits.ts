/**
 * How much an account may do in a minute: token buckets that refill evenly.
 *
 * Exact, since one object counts for the whole account. Levels are kept in thousandths of a minute's
 * share, so that every number is whole.
 * Does not own: which plan has which limits (shared/contracts/plans.ts).
 */
import { numberOf, type Sql } from "./sql.ts";

const WINDOW_MS = 60_000;

const REPLACE = `ON CONFLICT (name) DO UPDATE SET level = excluded.level,
  updated_at = excluded.updated_at`;
const WRITE_ONE = `INSERT INTO bucket (name, level, updated_at) VALUES (?, ?, ?) ${REPLACE}`;
const WRITE_TWO = `INSERT INTO bucket (name, level, updated_at) VALUES (?, ?, ?), (?, ?, ?)
  ${REPLACE}`;

/** What is counted by the minute. */
export type LimitName = "requests" | "steps";

/** One limit as it stands. */
export interface LimitStatus {
  /** A minute's worth, and the most that can be saved up. */
  readonly limit: number;
  readonly remaining: number;
  /** Until the bucket is full, milliseconds, at most a minute. */
  readonly resetMs: number;
}

/** What is to be taken out of a bucket. */
interface Taking {
  readonly name: LimitName;
  /** A minute's worth. */
  readonly limit: number;
  /** Put back when below 0. */
  readonly count: number;
}

/** A bucket when it was last taken from. */
interface Bucket {
  readonly level: number;
  /** Epoch milliseconds. */
  readonly updatedAt: number;
}

/**
 * The buckets of one account. Rows that were read or written are remembered: nobody else writes them,
 * and whoever rolls a transaction back says so by {@link forget}.
 */
export class RateLimits {
  readonly #sql: Sql;
  readonly #buckets = new Map<LimitName, Bucket>();

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** How the bucket stands. */
  read(name: LimitName, limit: number, nowMs: number): LimitStatus {
    return toStatus(this.#level(name, limit, nowMs), limit);
  }

  /**
   * Milliseconds until `count` can be taken, rounded up; 0 for now. `count` is at most `limit`.
   */
  waitFor(name: LimitName, limit: number, count: number, nowMs: number): number {
    const missing = count * WINDOW_MS - this.#level(name, limit, nowMs);
    return Math.max(0, Math.ceil(missing / limit));
  }

  /** Takes `count` out, or puts it back when below 0. Never above a minute's worth. */
  take(name: LimitName, limit: number, count: number, nowMs: number): void {
    this.#sql.exec(WRITE_ONE, name, this.#take({ name, limit, count }, nowMs), nowMs);
  }

  /** The same for two buckets, by one statement. */
  takeEach(first: Taking, second: Taking, nowMs: number): void {
    const firstLevel = this.#take(first, nowMs);
    const secondLevel = this.#take(second, nowMs);
    this.#sql.exec(WRITE_TWO, first.name, firstLevel, nowMs, second.name, secondLevel, nowMs);
  }

  /** What was taken since the last commit was not taken. */
  forget(): void {
    this.#buckets.clear();
  }

  /** The level that is left. */
  #take({ name, limit, count }: Taking, nowMs: number): number {
    const rest = this.#level(name, limit, nowMs) - count * WINDOW_MS;
    const level = Math.max(0, Math.min(rest, limit * WINDOW_MS));
    this.#buckets.set(name, { level, updatedAt: nowMs });
    return level;
  }

  /** A clock that went back refills nothing. */
  #level(name: LimitName, limit: number, nowMs: number): number {
    const bucket = this.#buckets.get(name) ?? this.#read(name);
    if (bucket === null) return limit * WINDOW_MS;
    const elapsedMs = Math.max(0, nowMs - bucket.updatedAt);
    return Math.min(limit * WINDOW_MS, bucket.level + elapsedMs * limit);
  }

  #read(name: LimitName): Bucket | null {
    const [row] = this.#sql.exec("SELECT * FROM bucket WHERE name = ?", name).toArray();
    if (row === undefined) return null;
    const bucket = { level: numberOf(row, "level"), updatedAt: numberOf(row, "updated_at") };
    this.#buckets.set(name, bucket);
    return bucket;
  }
}

function toStatus(level: number, limit: number): LimitStatus {
  return {
    limit,
    remaining: Math.floor(level / WINDOW_MS),
    resetMs: Math.ceil((limit * WINDOW_MS - level) / limit),
  };
}
