/**
 * One account's money: what it has, what is held for requests that run, and what became of it.
 *
 * A hold goes `reserved → dispatched → captured | released`, or `→ expired → reconciled` when the
 * node's receipt is late. Each step is taken from a named state and no other, so a repeat finds the
 * hold settled and is told what became of it. A request that is handed on to another node is dispatched
 * again under a higher attempt; what nodes say of lower ones changes nothing. Every amount is in whole
 * micro-dollars.
 *
 * Owns: balance, holds and their states. Does not own: the entries' chain (entry-log.ts), who may
 * hold (admission.ts), the transaction around a call (account-object.ts), and time, which is passed
 * in.
 */
import type { LedgerEntry, LedgerEntryKind } from "#shared/contracts/ledger.ts";
import type { Tier } from "#shared/contracts/tier-names.ts";
import { EntryLog } from "./entry-log.ts";
import {
  type Hold,
  type HoldState,
  OPEN_STATES,
  type Settlement,
  toHold,
  toSettlement,
} from "./hold.ts";
import { numberOf, type Sql } from "./sql.ts";

/** How long holds live, milliseconds. */
export interface HoldLifetimes {
  /** Until a hold that nobody settled expires: longer than any generation. */
  readonly holdMs: number;
  /** How long its receipt is waited for after that; then what was not delivered goes back. */
  readonly receiptGraceMs: number;
  /** How long the edge's own word is waited for once a node has told its receipt beside the answer. */
  readonly reportGraceMs: number;
}

/** A hold to make. */
export interface HoldOrder {
  readonly requestId: string;
  readonly keyId: string;
  readonly model: string;
  readonly tier: Tier;
  /** Most step units that it may execute. */
  readonly maxStepUnits: number;
  /** Micro-dollars; stays with the hold whatever prices do. */
  readonly unitPrice: number;
  /** 1 where a node may begin at once, as {@link Ledger.dispatch} notes it; 0 where that is noted later. */
  readonly attempt: 0 | 1;
}

/** Money to put in. */
export interface Credit {
  readonly kind: "credit" | "top_up";
  /** Micro-dollars, above 0. */
  readonly amount: number;
  /** The same reference puts it in once. */
  readonly reference: string;
}

/** An executed receipt, and the way it came: by the edge that relays the answer, or beside it. */
export type ReceiptNotice =
  | { readonly stepUnits: number; readonly cameBy: "stream" }
  | { readonly stepUnits: number; readonly cameBy: "post"; readonly attempt: number };

/** A hold that the ledger itself has settled. */
export interface SweptHold {
  readonly requestId: string;
  readonly settlement: Settlement;
  /** True where no node has ever told its receipt. */
  readonly isReceiptLost: boolean;
}

/** An account's money now. `balance ≥ held ≥ 0`. */
export interface Purse {
  readonly balance: number;
  readonly held: number;
}

/** How long a settled hold is remembered, so that a late repeat is told what became of it. */
const SETTLED_MEMORY_MS = 24 * 60 * 60 * 1000;

/** The ledger over one account's rows. Every method is one synchronous piece, safe to repeat. */
export class Ledger {
  readonly #sql: Sql;
  readonly #lifetimes: HoldLifetimes;
  readonly #entries: EntryLog;

  constructor(sql: Sql, lifetimes: HoldLifetimes) {
    this.#sql = sql;
    this.#entries = new EntryLog(sql);
    this.#lifetimes = lifetimes;
  }

  /** What was written since the last commit was not written. */
  forget(): void {
    this.#entries.forget();
  }

  readPurse(): Purse {
    const [row = {}] = this.#sql.exec("SELECT balance, held FROM purse").toArray();
    return { balance: numberOf(row, "balance"), held: numberOf(row, "held") };
  }

  /**
   * Puts money in, once for each `reference` of a kind.
   *
   * @returns The entry: the first one's, when it is told again.
   */
  credit(
    kind: Exclude<LedgerEntryKind, "charge">,
    amount: number,
    reference: string,
    nowMs: number,
  ): LedgerEntry {
    const known = this.#entries.find(kind, reference);
    if (known !== null) return known;
    this.#sql.exec("UPDATE purse SET balance = balance + ?", amount);
    const { balance } = this.readPurse();
    return this.#entries.append({ kind, amount, balanceAfter: balance, reference }, nowMs);
  }

  /** Holds the most that a request can cost; the purse must have room for it. */
  reserve(order: HoldOrder, nowMs: number): void {
    const amount = order.maxStepUnits * order.unitPrice;
    this.#sql.exec("UPDATE purse SET held = held + ?", amount);
    this.#spend(order.keyId, 0, amount);
    this.#sql.exec(
      `INSERT INTO hold (request_id, key_id, model, tier, amount, unit_price, max_step_units,
         state, attempt, created_at, due_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      order.requestId,
      order.keyId,
      order.model,
      order.tier,
      amount,
      order.unitPrice,
      order.maxStepUnits,
      order.attempt === 0 ? "reserved" : "dispatched",
      order.attempt,
      nowMs,
      nowMs + this.#lifetimes.holdMs,
    );
  }

  /**
   * Notes that a node may have begun, before it can have. May be repeated, and come after a later one.
   *
   * @param attempt From 1.
   * @param deliveredUnits Step units of all attempts before whose frames the customer has.
   * @returns False if it may not begin: the request is settled, or a later attempt runs.
   */
  dispatch(requestId: string, attempt: number, deliveredUnits: number, nowMs: number): boolean {
    return (
      this.#sql
        .exec(
          `UPDATE hold SET state = 'dispatched', attempt = ?, delivered_units = ?,
           reported_units = NULL, due_at = ?
         WHERE request_id = ? AND state IN ('reserved', 'dispatched') AND attempt <= ?
         RETURNING request_id`,
          attempt,
          deliveredUnits,
          nowMs + this.#lifetimes.holdMs,
          requestId,
          attempt,
        )
        .toArray().length > 0
    );
  }

  /**
   * Charges what a receipt says was executed, at most what is held, and gives the rest back.
   *
   * @returns What the hold came to, now or before; `null` for a hold that never was, or is forgotten.
   */
  capture(requestId: string, stepUnits: number, nowMs: number): Settlement | null {
    const hold = this.#findHold(requestId);
    if (hold === null) return null;
    const units = Math.max(0, Math.min(stepUnits, hold.maxStepUnits));
    if (OPEN_STATES.includes(hold.state)) {
      return this.#settle(hold, units > 0 ? "captured" : "released", units, nowMs);
    }
    if (hold.state === "expired") return this.#settle(hold, "reconciled", units, nowMs);
    return toSettlement(hold, false);
  }

  /**
   * Takes note of a receipt that came beside the answer. While the edge relays the answer it is for the
   * edge to say what is next: it may have another node go on, and this one is not paid for steps that
   * the other runs again. Where the edge says nothing more, {@link sweep} charges what was told here.
   */
  report(
    requestId: string,
    { attempt, stepUnits }: { attempt: number; stepUnits: number },
    nowMs: number,
  ): Settlement | null {
    const hold = this.#findHold(requestId);
    if (hold === null || attempt < hold.attempt) return hold && toSettlement(hold, false);
    if (!OPEN_STATES.includes(hold.state)) return this.capture(requestId, stepUnits, nowMs);
    this.#sql.exec(
      "UPDATE hold SET reported_units = ?, due_at = MIN(due_at, ?) WHERE request_id = ?",
      stepUnits,
      nowMs + this.#lifetimes.reportGraceMs,
      requestId,
    );
    return toSettlement(hold, false);
  }

  /** Gives back everything held for a request of which no step was executed. */
  release(requestId: string, nowMs: number): Settlement | null {
    const hold = this.#findHold(requestId);
    if (hold === null) return null;
    if (!OPEN_STATES.includes(hold.state)) return toSettlement(hold, false);
    return this.#settle(hold, "released", 0, nowMs);
  }

  /**
   * Says that the answer is over and that its receipt, if there is one, comes by another way.
   *
   * @returns What it came to if a receipt is there already; `null` while none is.
   */
  expire(requestId: string, nowMs: number): Settlement | null {
    const hold = this.#findHold(requestId);
    if (hold === null || !OPEN_STATES.includes(hold.state)) return null;
    if (hold.reportedUnits !== null) return this.capture(requestId, hold.reportedUnits, nowMs);
    this.#sql.exec(
      "UPDATE hold SET state = 'expired', due_at = ? WHERE request_id = ?",
      nowMs + this.#lifetimes.receiptGraceMs,
      requestId,
    );
    return null;
  }

  /**
   * Moves on what is due: a receipt that was told beside the answer is charged, a hold that nobody
   * settled expires, and of what stays without a receipt all goes back but what is known to have been
   * delivered; what was settled long ago is forgotten.
   */
  sweep(nowMs: number): SweptHold[] {
    const told = this.#listDue("state IN ('reserved', 'dispatched')", nowMs).flatMap((hold) => {
      const settlement = this.expire(hold.requestId, nowMs);
      return settlement === null
        ? []
        : [{ requestId: hold.requestId, settlement, isReceiptLost: false }];
    });
    const lost = this.#listDue("state = 'expired'", nowMs).map((hold) => {
      const units = Math.min(hold.deliveredUnits, hold.maxStepUnits);
      const settlement = this.#settle(hold, "reconciled", units, nowMs);
      return { requestId: hold.requestId, settlement, isReceiptLost: true };
    });
    this.#sql.exec(
      `DELETE FROM hold WHERE state IN ('captured', 'released', 'reconciled') AND due_at <= ?`,
      nowMs,
    );
    return [...told, ...lost];
  }

  /** When {@link sweep} has something to do next, epoch milliseconds; `null` for never. */
  nextDueAt(): number | null {
    const [row] = this.#sql.exec("SELECT MIN(due_at) AS due_at FROM hold").toArray();
    return typeof row?.["due_at"] === "number" ? row["due_at"] : null;
  }

  /** Requests that run or wait now. */
  countOpen(): number {
    const [row = {}] = this.#sql
      .exec("SELECT COUNT(*) AS count FROM hold WHERE state IN ('reserved', 'dispatched')")
      .toArray();
    return numberOf(row, "count");
  }

  /** The same of one key, and of those that it follows or that follow it. */
  countOpenOf(keyId: string): number {
    const [row = {}] = this.#sql
      .exec(
        `SELECT COUNT(*) AS count FROM hold
         WHERE state IN ('reserved', 'dispatched') AND key_id IN (
           SELECT key_id FROM api_key
           WHERE budget_id = (SELECT budget_id FROM api_key WHERE key_id = ?))`,
        keyId,
      )
      .toArray();
    return numberOf(row, "count");
  }

  /** Tells whether a request runs or waits now. */
  isOpen(requestId: string): boolean {
    return OPEN_STATES.some((state) => state === this.#findHold(requestId)?.state);
  }

  /** The hold of a request, as it stands. */
  findTerms(requestId: string): { amount: number; unitPrice: number; maxStepUnits: number } | null {
    return this.#findHold(requestId);
  }

  #settle(hold: Hold, state: HoldState, stepUnits: number, nowMs: number): Settlement {
    const cost = stepUnits * hold.unitPrice;
    this.#sql.exec(
      "UPDATE hold SET state = ?, captured = ?, due_at = ? WHERE request_id = ?",
      state,
      cost,
      nowMs + SETTLED_MEMORY_MS,
      hold.requestId,
    );
    const [purse = {}] = this.#sql
      .exec(
        "UPDATE purse SET balance = balance - ?, held = held - ? RETURNING balance",
        cost,
        hold.amount,
      )
      .toArray();
    this.#spend(hold.keyId, cost, -hold.amount);
    if (cost > 0) {
      const balance = numberOf(purse, "balance");
      const charge = { kind: "charge" as const, amount: -cost, balanceAfter: balance };
      this.#entries.append({ ...charge, reference: hold.requestId }, nowMs);
    }
    return toSettlement({ ...hold, state, captured: cost }, true);
  }

  /** Adds to what the key's budget has spent and holds; keys that follow one another share one. */
  #spend(keyId: string, spent: number, held: number): void {
    this.#sql.exec(
      `UPDATE api_key SET spent = spent + ?, held = held + ?
       WHERE budget_id = (SELECT budget_id FROM api_key WHERE key_id = ?)`,
      spent,
      held,
      keyId,
    );
  }

  #findHold(requestId: string): Hold | null {
    const [row] = this.#sql.exec("SELECT * FROM hold WHERE request_id = ?", requestId).toArray();
    return row === undefined ? null : toHold(row);
  }

  /** @param condition SQL of this file's own. */
  #listDue(condition: string, nowMs: number): Hold[] {
    return this.#sql
      .exec(`SELECT * FROM hold WHERE ${condition} AND due_at <= ?`, nowMs)
      .toArray()
      .map(toHold);
  }
}
