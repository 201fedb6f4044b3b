/**
 * One account's money: what it has, what is held for requests that run, and what became of it.
 *
 * A hold goes `reserved → dispatched → captured | released`, or `→ expired → reconciled` when the
 * node's receipt is late. Each step is taken from a named state and no other, so a repeat finds the
 * hold settled and is told what became of it. Every amount is in whole micro-dollars.
 *
 * Owns: balance, holds and their states. Does not own: the entries' chain (entry-log.ts), who may
 * hold (admission.ts), the transaction around a call (account-object.ts), and time, which is passed
 * in.
 */
import type { LedgerEntry, LedgerEntryKind } from "#shared/contracts/ledger.ts";
import { type Tier, tierSchema } from "#shared/contracts/tier-names.ts";
import { EntryLog } from "./entry-log.ts";
import { numberOf, type Sql, type SqlRow, textOf } from "./sql.ts";

/** Where a hold is. */
export type HoldState =
  | "reserved"
  | "dispatched"
  | "captured"
  | "released"
  | "expired"
  | "reconciled";

/** How long holds live, milliseconds. */
export interface HoldLifetimes {
  /** Until a hold that nobody settled expires: longer than any generation. */
  readonly holdMs: number;
  /** How long its receipt is waited for after that; then the money goes back. */
  readonly receiptGraceMs: number;
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
}

/** Money to put in. */
export interface Credit {
  readonly kind: "credit" | "top_up";
  /** Micro-dollars, above 0. */
  readonly amount: number;
  /** The same reference puts it in once. */
  readonly reference: string;
}

/** An executed receipt, and the way it came: in the answer's stream or beside it. */
export interface ReceiptNotice {
  readonly stepUnits: number;
  readonly cameBy: "stream" | "post";
}

/** What a hold came to. */
export interface Settlement {
  readonly state: HoldState;
  /** Micro-dollars charged. */
  readonly cost: number;
  /** Micro-dollars that were held and went back. */
  readonly refunded: number;
  readonly model: string;
  readonly tier: Tier;
  /** Step units charged. */
  readonly stepUnits: number;
  /** Step units that were held for and not executed. */
  readonly unusedStepUnits: number;
  /** False when it was settled before, or is not settled yet: nothing changed. */
  readonly isNew: boolean;
}

/** An account's money now. `balance ≥ held ≥ 0`. */
export interface Purse {
  readonly balance: number;
  readonly held: number;
}

/** How long a settled hold is remembered, so that a late repeat is told what became of it. */
const SETTLED_MEMORY_MS = 24 * 60 * 60 * 1000;

const OPEN_STATES: readonly HoldState[] = ["reserved", "dispatched"];

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
         state, created_at, due_at) VALUES (?, ?, ?, ?, ?, ?, ?, 'reserved', ?, ?)`,
      order.requestId,
      order.keyId,
      order.model,
      order.tier,
      amount,
      order.unitPrice,
      order.maxStepUnits,
      nowMs,
      nowMs + this.#lifetimes.holdMs,
    );
  }

  /** Notes that a node may have begun. */
  dispatch(requestId: string): void {
    this.#move(requestId, ["reserved"], "dispatched");
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
   * The same for a receipt that came beside the answer. One without a step says only that its node
   * did nothing: while the answer runs it may run on another.
   */
  captureLate(requestId: string, stepUnits: number, nowMs: number): Settlement | null {
    const hold = this.#findHold(requestId);
    if (hold !== null && stepUnits <= 0 && OPEN_STATES.includes(hold.state)) {
      return toSettlement(hold, false);
    }
    return this.capture(requestId, stepUnits, nowMs);
  }

  /** Gives back everything held for a request of which no step was executed. */
  release(requestId: string, nowMs: number): Settlement | null {
    const hold = this.#findHold(requestId);
    if (hold === null) return null;
    if (!OPEN_STATES.includes(hold.state)) return toSettlement(hold, false);
    return this.#settle(hold, "released", 0, nowMs);
  }

  /** Says that the answer is over and that its receipt, if there is one, comes by another way. */
  expire(requestId: string, nowMs: number): void {
    this.#move(requestId, OPEN_STATES, "expired", nowMs + this.#lifetimes.receiptGraceMs);
  }

  /**
   * Moves on what is due: holds that nobody settled expire, and what stays without a receipt goes
   * back; what was settled long ago is forgotten.
   *
   * @returns Ids of requests whose receipt never came.
   */
  sweep(nowMs: number): string[] {
    this.#sql.exec(
      `UPDATE hold SET state = 'expired', due_at = due_at + ?
       WHERE state IN ('reserved', 'dispatched') AND due_at <= ?`,
      this.#lifetimes.receiptGraceMs,
      nowMs,
    );
    const lost = this.#sql
      .exec("SELECT * FROM hold WHERE state = 'expired' AND due_at <= ?", nowMs)
      .toArray()
      .map(toHold);
    for (const hold of lost) this.#settle(hold, "reconciled", 0, nowMs);
    this.#sql.exec(
      `DELETE FROM hold WHERE state IN ('captured', 'released', 'reconciled') AND due_at <= ?`,
      nowMs,
    );
    return lost.map(({ requestId }) => requestId);
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
    this.#sql.exec("UPDATE purse SET balance = balance - ?, held = held - ?", cost, hold.amount);
    this.#spend(hold.keyId, cost, -hold.amount);
    if (cost > 0) {
      const { balance } = this.readPurse();
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

  #move(requestId: string, from: readonly HoldState[], to: HoldState, dueAt?: number): void {
    this.#sql.exec(
      `UPDATE hold SET state = ?, due_at = COALESCE(?, due_at)
       WHERE request_id = ? AND state IN (${from.map((state) => `'${state}'`).join(", ")})`,
      to,
      dueAt ?? null,
      requestId,
    );
  }
}

interface Hold {
  readonly requestId: string;
  readonly model: string;
  readonly tier: Tier;
  readonly keyId: string;
  readonly amount: number;
  readonly unitPrice: number;
  readonly maxStepUnits: number;
  readonly state: HoldState;
  readonly captured: number;
}

function toHold(row: SqlRow): Hold {
  return {
    requestId: textOf(row, "request_id"),
    keyId: textOf(row, "key_id"),
    model: textOf(row, "model"),
    tier: tierSchema.parse(row["tier"]),
    amount: numberOf(row, "amount"),
    unitPrice: numberOf(row, "unit_price"),
    maxStepUnits: numberOf(row, "max_step_units"),
    state: textOf(row, "state") as HoldState,
    captured: numberOf(row, "captured"),
  };
}

function toSettlement(hold: Hold, isNew: boolean): Settlement {
  const { state, captured, amount, unitPrice, maxStepUnits, model, tier } = hold;
  const stepUnits = unitPrice > 0 ? captured / unitPrice : 0;
  return {
    model,
    tier,
    stepUnits,
    state,
    cost: captured,
    refunded: amount - captured,
    unusedStepUnits: maxStepUnits - stepUnits,
    isNew,
  };
}
