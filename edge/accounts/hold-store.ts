/**
 * The rows of one account's holds.
 *
 * Owns: the table, and what is remembered of it: nobody else writes these rows, and whoever rolls a
 * transaction back says so by {@link HoldStore.forget}.
 * Does not own: which state follows which (ledger.ts).
 */
import { type Hold, type HoldState, OPEN_STATES, toHold } from "./hold.ts";
import { numberOf, type Sql } from "./sql.ts";

/** A hold as it is made. */
export type NewHold = Omit<Hold, "captured" | "deliveredUnits" | "reportedUnits">;

/** Every method is one synchronous piece. Times are epoch milliseconds. */
export class HoldStore {
  readonly #sql: Sql;
  /** Requests that run or wait. */
  #openCount: number | null = null;
  /** Open holds as they were made, by request; what changes one has it read anew. */
  readonly #made = new Map<string, Hold>();

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** What was written since the last commit was not written. */
  forget(): void {
    this.#openCount = null;
    this.#made.clear();
  }

  /** Keeps an open hold. */
  insert(hold: NewHold, nowMs: number, dueAt: number): void {
    this.#sql.exec(
      `INSERT INTO hold (request_id, key_id, model, tier, amount, unit_price, max_step_units,
         state, attempt, created_at, due_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      hold.requestId,
      hold.keyId,
      hold.model,
      hold.tier,
      hold.amount,
      hold.unitPrice,
      hold.maxStepUnits,
      hold.state,
      hold.attempt,
      nowMs,
      dueAt,
    );
    const unheard = { captured: 0, deliveredUnits: 0, reportedUnits: null };
    this.#made.set(hold.requestId, { ...hold, ...unheard });
    if (this.#openCount !== null) this.#openCount += 1;
  }

  find(requestId: string): Hold | null {
    const made = this.#made.get(requestId);
    if (made !== undefined) return made;
    const [row] = this.#sql.exec("SELECT * FROM hold WHERE request_id = ?", requestId).toArray();
    return row === undefined ? null : toHold(row);
  }

  /**
   * Hands an open hold's request to a node, unless a later attempt was.
   *
   * @returns False where it was not.
   */
  dispatch(requestId: string, attempt: number, deliveredUnits: number, dueAt: number): boolean {
    this.#made.delete(requestId);
    return (
      this.#sql
        .exec(
          `UPDATE hold SET state = 'dispatched', attempt = ?, delivered_units = ?,
           reported_units = NULL, due_at = ?
         WHERE request_id = ? AND state IN ('reserved', 'dispatched') AND attempt <= ?
         RETURNING request_id`,
          attempt,
          deliveredUnits,
          dueAt,
          requestId,
          attempt,
        )
        .toArray().length > 0
    );
  }

  /** Notes what a node has told beside the answer; due no later than before. */
  report(requestId: string, stepUnits: number, dueAt: number): void {
    this.#made.delete(requestId);
    this.#sql.exec(
      "UPDATE hold SET reported_units = ?, due_at = MIN(due_at, ?) WHERE request_id = ?",
      stepUnits,
      dueAt,
      requestId,
    );
  }

  /** Ends an open or expired hold, `captured` of it charged, micro-dollars; or has an open one expire. */
  close(hold: Hold, state: HoldState, captured: number, dueAt: number): void {
    this.#made.delete(hold.requestId);
    if (this.#openCount !== null && OPEN_STATES.includes(hold.state)) this.#openCount -= 1;
    this.#sql.exec(
      "UPDATE hold SET state = ?, captured = ?, due_at = ? WHERE request_id = ?",
      state,
      captured,
      dueAt,
      hold.requestId,
    );
  }

  /** Forgets for good what was settled and is due. */
  removeSettled(nowMs: number): void {
    this.#sql.exec(
      `DELETE FROM hold WHERE state IN ('captured', 'released', 'reconciled') AND due_at <= ?`,
      nowMs,
    );
  }

  /** Holds that are due: those of requests that run or wait. */
  listOpenDue(nowMs: number): Hold[] {
    return this.#list(
      "SELECT * FROM hold WHERE state IN ('reserved', 'dispatched') AND due_at <= ?",
      nowMs,
    );
  }

  /** Holds that are due: those whose receipt is waited for. */
  listExpiredDue(nowMs: number): Hold[] {
    return this.#list("SELECT * FROM hold WHERE state = 'expired' AND due_at <= ?", nowMs);
  }

  /** When the first of all is due; `null` for never. */
  nextDueAt(): number | null {
    const [row] = this.#sql.exec("SELECT MIN(due_at) AS due_at FROM hold").toArray();
    return typeof row?.["due_at"] === "number" ? row["due_at"] : null;
  }

  /** Requests that run or wait now. */
  countOpen(): number {
    this.#openCount ??= this.#count(
      "SELECT COUNT(*) AS count FROM hold WHERE state IN ('reserved', 'dispatched')",
    );
    return this.#openCount;
  }

  /** The same of one key, and of those that it follows or that follow it. */
  countOpenOf(keyId: string): number {
    return this.#count(
      `SELECT COUNT(*) AS count FROM hold
       WHERE state IN ('reserved', 'dispatched') AND key_id IN (
         SELECT key_id FROM api_key
         WHERE budget_id = (SELECT budget_id FROM api_key WHERE key_id = ?))`,
      keyId,
    );
  }

  #count(statement: string, ...bindings: string[]): number {
    const [row = {}] = this.#sql.exec(statement, ...bindings).toArray();
    return numberOf(row, "count");
  }

  #list(statement: string, nowMs: number): Hold[] {
    return this.#sql.exec(statement, nowMs).toArray().map(toHold);
  }
}
