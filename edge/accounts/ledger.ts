/**
 * One account's money: what it has, what is held for requests that run, and what became of it.
 *
 * A hold goes `reserved → dispatched → captured | released`, or `→ expired → reconciled` when the
 * node's receipt is late. Each step is taken from a named state and no other, so a repeat finds the
 * hold settled and is told what became of it. A request that is handed on to another node is dispatched
 * again under a higher attempt; what nodes say of lower ones changes nothing. Every amount is in whole
 * micro-dollars.
 *
 * Owns: holds' states and what each costs. Does not own: the rows (hold-store.ts, purse.ts), the
 * entries' chain (entry-log.ts), who may hold (admission.ts), the transaction around a call
 * (account-object.ts), and time, which is passed in.
 */
import type { LedgerEntry, LedgerEntryKind } from "#shared/contracts/ledger.ts";
import type { Tier } from "#shared/contracts/tier-names.ts";
import { EntryLog } from "./entry-log.ts";
import { type Hold, type HoldState, OPEN_STATES, type Settlement, toSettlement } from "./hold.ts";
import { HoldStore } from "./hold-store.ts";
import { type Purse, PurseStore } from "./purse.ts";
import type { Sql } from "./sql.ts";

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

/** How long a settled hold is remembered, so that a late repeat is told what became of it. */
const SETTLED_MEMORY_MS = 24 * 60 * 60 * 1000;

/**
 * The ledger over one account's rows. Every method is one synchronous piece, safe to repeat. Nobody else
 * writes its rows, so that the last ones are remembered.
 */
export class Ledger {
  readonly #sql: Sql;
  readonly #lifetimes: HoldLifetimes;
  readonly #entries: EntryLog;
  readonly #purse: PurseStore;
  readonly #holds: HoldStore;

  constructor(sql: Sql, lifetimes: HoldLifetimes) {
    this.#sql = sql;
    this.#lifetimes = lifetimes;
    this.#entries = new EntryLog(sql);
    this.#purse = new PurseStore(sql);
    this.#holds = new HoldStore(sql);
  }

  /** What was written since the last commit was not written. */
  forget(): void {
    this.#entries.forget();
    this.#purse.forget();
    this.#holds.forget();
  }

  readPurse(): Purse {
    return this.#purse.read();
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
    const { balance } = this.#purse.change(amount, 0);
    return this.#entries.append({ kind, amount, balanceAfter: balance, reference }, nowMs);
  }

  /** Holds the most that a request can cost; the purse must have room for it. */
  reserve(order: HoldOrder, nowMs: number): void {
    const amount = order.maxStepUnits * order.unitPrice;
    this.#purse.change(0, amount);
    this.#spend(order.keyId, 0, amount);
    const state = order.attempt === 0 ? "reserved" : "dispatched";
    this.#holds.insert({ ...order, amount, state }, nowMs, nowMs + this.#lifetimes.holdMs);
  }

  /**
   * Notes that a node may have begun, before it can have. May be repeated, and come after a later one.
   *
   * @param attempt From 1.
   * @param deliveredUnits Step units of all attempts before whose frames the customer has.
   * @returns False if it may not begin: the request is settled, or a later attempt runs.
   */
  dispatch(requestId: string, attempt: number, deliveredUnits: number, nowMs: number): boolean {
    const dueAt = nowMs + this.#lifetimes.holdMs;
    return this.#holds.dispatch(requestId, attempt, deliveredUnits, dueAt);
  }

  /**
   * Charges what a receipt says was executed, at most what is held, and gives the rest back.
   *
   * @returns What the hold came to, now or before; `null` for a hold that never was, or is forgotten.
   */
  capture(requestId: string, stepUnits: number, nowMs: number): Settlement | null {
    const hold = this.#holds.find(requestId);
    if (hold === null) return null;
    const units = Math.max(0, Math.min(stepUnits, hold.maxStepUnits));
    if (isOpen(hold)) return this.#settle(hold, units > 0 ? "captured" : "released", units, nowMs);
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
    const hold = this.#holds.find(requestId);
    if (hold === null || attempt < hold.attempt) return hold && toSettlement(hold, false);
    if (!isOpen(hold)) return this.capture(requestId, stepUnits, nowMs);
    this.#holds.report(requestId, stepUnits, nowMs + this.#lifetimes.reportGraceMs);
    return toSettlement(hold, false);
  }

  /** Gives back everything held for a request of which no step was executed. */
  release(requestId: string, nowMs: number): Settlement | null {
    const hold = this.#holds.find(requestId);
    if (hold === null) return null;
    if (!isOpen(hold)) return toSettlement(hold, false);
    return this.#settle(hold, "released", 0, nowMs);
  }

  /**
   * Says that the answer is over and that its receipt, if there is one, comes by another way.
   *
   * @returns What it came to if a receipt is there already; `null` while none is.
   */
  expire(requestId: string, nowMs: number): Settlement | null {
    const hold = this.#holds.find(requestId);
    if (hold === null || !isOpen(hold)) return null;
    if (hold.reportedUnits !== null) return this.capture(requestId, hold.reportedUnits, nowMs);
    this.#holds.close(hold, "expired", 0, nowMs + this.#lifetimes.receiptGraceMs);
    return null;
  }

  /**
   * Moves on what is due: a receipt that was told beside the answer is charged, a hold that nobody
   * settled expires, and of what stays without a receipt all goes back but what is known to have been
   * delivered; what was settled long ago is forgotten.
   */
  sweep(nowMs: number): SweptHold[] {
    const told = this.#holds.listOpenDue(nowMs).flatMap(({ requestId }) => {
      const settlement = this.expire(requestId, nowMs);
      return settlement === null ? [] : [{ requestId, settlement, isReceiptLost: false }];
    });
    const lost = this.#holds.listExpiredDue(nowMs).map((hold) => {
      const units = Math.min(hold.deliveredUnits, hold.maxStepUnits);
      const settlement = this.#settle(hold, "reconciled", units, nowMs);
      return { requestId: hold.requestId, settlement, isReceiptLost: true };
    });
    this.#holds.removeSettled(nowMs);
    return [...told, ...lost];
  }

  /** When {@link sweep} has something to do next, epoch milliseconds; `null` for never. */
  nextDueAt(): number | null {
    return this.#holds.nextDueAt();
  }

  /** Requests that run or wait now. */
  countOpen(): number {
    return this.#holds.countOpen();
  }

  /** The same of one key, and of those that it follows or that follow it. */
  countOpenOf(keyId: string): number {
    return this.#holds.countOpenOf(keyId);
  }

  /** Tells whether a request runs or waits now. */
  isOpen(requestId: string): boolean {
    const hold = this.#holds.find(requestId);
    return hold !== null && isOpen(hold);
  }

  /** The hold of a request, as it stands. */
  findTerms(requestId: string): { amount: number; unitPrice: number; maxStepUnits: number } | null {
    return this.#holds.find(requestId);
  }

  #settle(hold: Hold, state: HoldState, stepUnits: number, nowMs: number): Settlement {
    const cost = stepUnits * hold.unitPrice;
    this.#holds.close(hold, state, cost, nowMs + SETTLED_MEMORY_MS);
    const { balance } = this.#purse.change(-cost, -hold.amount);
    this.#spend(hold.keyId, cost, -hold.amount);
    if (cost > 0) {
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
}

function isOpen({ state }: Hold): boolean {
  return OPEN_STATES.includes(state);
}
