/**
 * The Durable Object of one account: its rows on the network, one object per account id.
 *
 * Owns: transactions, the alarm, the current time. Does not own: the rules (admission.ts, ledger.ts,
 * account-store.ts).
 */
import { DurableObject } from "cloudflare:workers";
import type { LedgerEntry } from "#shared/contracts/ledger.ts";
import { PLANS } from "#shared/contracts/plans.ts";
import { MAX_MESSAGE_ENTRIES, type UsageMessage } from "#shared/contracts/usage-message.ts";
import type { EntrySums, LedgerView, UsageView } from "./account-client.ts";
import { migrate } from "./account-schema.ts";
import {
  type AccountRecord,
  AccountStore,
  type KeyChanges,
  type KeyRecord,
  type KeyVerdict,
  type NewKeyRecord,
  type PresentedKey,
  type SuccessorKey,
} from "./account-store.ts";
import { type Admission, type AdmissionOrder, admit } from "./admission.ts";
import { Claims, type KeptAnswer } from "./claims.ts";
import { EntryLog } from "./entry-log.ts";
import type { Settlement } from "./hold.ts";
import { type Credit, Ledger, type ReceiptNotice } from "./ledger.ts";
import { Outbox } from "./outbox.ts";
import { RateLimits } from "./rate-limits.ts";
import { UsageLog, type UsagePage } from "./usage-log.ts";

/** What an account's object is configured with; whole milliseconds as text. */
interface AccountBindings {
  readonly HOLD_LIFETIME_MS: string;
  readonly RECEIPT_GRACE_MS: string;
  readonly USAGE_QUEUE: Queue<UsageMessage>;
}

/** An edge that lives has said what is next by then: a silent node is given up much sooner. */
const REPORT_GRACE_MS = 30_000;
/** Entries wait so long for others to be sent with them, and after a failure. */
const FLUSH_DELAY_MS = 1_000;
const FLUSH_RETRY_MS = 30_000;

/** One account. Every method may be called again after a lost answer: nothing happens twice. */
export class AccountObject extends DurableObject<AccountBindings> {
  readonly #store: AccountStore;
  readonly #ledger: Ledger;
  readonly #limits: RateLimits;
  readonly #entries: EntryLog;
  readonly #usage: UsageLog;
  readonly #claims: Claims;
  readonly #outbox: Outbox;
  /** What the alarm is set to, epoch milliseconds; unknown until it is set anew. */
  #alarmAt: number | null = null;
  #flushDelayMs = FLUSH_DELAY_MS;
  /** Every due time is set at least so long ahead. */
  readonly #soonestMs: number;

  constructor(state: DurableObjectState, bindings: AccountBindings) {
    super(state, bindings);
    const { sql } = state.storage;
    state.storage.transactionSync(() => migrate(sql));
    this.#store = new AccountStore(sql);
    this.#limits = new RateLimits(sql);
    this.#entries = new EntryLog(sql);
    this.#usage = new UsageLog(sql);
    this.#claims = new Claims(sql);
    this.#outbox = new Outbox(sql);
    const holdMs = Number(bindings.HOLD_LIFETIME_MS);
    const receiptGraceMs = Number(bindings.RECEIPT_GRACE_MS);
    const reportGraceMs = Math.min(REPORT_GRACE_MS, receiptGraceMs);
    this.#ledger = new Ledger(sql, { holdMs, receiptGraceMs, reportGraceMs });
    this.#soonestMs = Math.min(FLUSH_DELAY_MS, holdMs, reportGraceMs);
  }

  /** Opens the account with its first key, and what it starts with. */
  createAccount(account: AccountRecord, firstKey: NewKeyRecord, credit: Credit | null): void {
    this.#transact((nowMs) => {
      this.#store.insertAccount(account);
      this.#store.insertKey(firstKey);
      if (credit !== null) this.#credit(credit, nowMs);
    });
  }

  /** Puts money in; `null` if there is no such account. */
  credit(credit: Credit): LedgerEntry | null {
    return this.#transact((nowMs) => (this.#store.isOpen() ? this.#credit(credit, nowMs) : null));
  }

  /** Keeps a key that the edge has issued. */
  createKey(key: NewKeyRecord): void {
    this.#store.insertKey(key);
  }

  /** Keys oldest first, from behind `afterKeyId`. */
  listKeys(afterKeyId: string | null, limit: number): KeyRecord[] {
    return this.#store.listKeys(afterKeyId, limit);
  }

  /** Puts a new key in a live one's place; `null` if no live key has the id. */
  rotateKey(keyId: string, successor: SuccessorKey, overlapMs: number): KeyRecord | null {
    return this.#transact((nowMs) => this.#store.rotateKey(keyId, successor, overlapMs, nowMs));
  }

  /** Changes a live key from the next request on; `null` if none has the id. */
  updateKey(keyId: string, changes: KeyChanges): KeyRecord | null {
    return this.#store.updateKey(keyId, changes, Date.now());
  }

  /** Revokes a key from the next request on; `null` if there is none of that id. */
  revokeKey(keyId: string): KeyRecord | null {
    return this.#store.revokeKey(keyId, Date.now());
  }

  /** Judges a presented key now. */
  authorizeKey(presented: PresentedKey): KeyVerdict {
    return this.#store.authorizeKey(presented, Date.now());
  }

  /** Decides whether a request may run, and holds what it can cost. */
  admit(order: AdmissionOrder): Admission {
    const parts = {
      store: this.#store,
      ledger: this.#ledger,
      limits: this.#limits,
      claims: this.#claims,
    };
    return this.#transact((nowMs) => admit(parts, order, nowMs));
  }

  /** Notes that a node may have begun; false if it may not. */
  dispatch(requestId: string, attempt: number, deliveredUnits: number): boolean {
    // One statement, and nothing is due sooner by it.
    return this.#ledger.dispatch(requestId, attempt, deliveredUnits, Date.now());
  }

  /**
   * Charges what a receipt says, once; `null` for a request that is not known.
   *
   * @param answer What to keep under the request's idempotency key, its bill filled in here.
   */
  settle(requestId: string, receipt: ReceiptNotice, answer: KeptAnswer | null): Settlement | null {
    return this.#settle((nowMs) => {
      const settlement =
        receipt.cameBy === "stream"
          ? this.#ledger.capture(requestId, receipt.stepUnits, nowMs)
          : this.#ledger.report(requestId, receipt, nowMs);
      if (answer !== null && settlement !== null) {
        const { cost, refunded } = settlement;
        this.#claims.keep({ ...answer, usage: { ...answer.usage, cost, refunded } });
      }
      return settlement;
    });
  }

  /** Gives back all that is held for a request of which no step was executed. */
  release(requestId: string): Settlement | null {
    return this.#settle((nowMs) => this.#ledger.release(requestId, nowMs));
  }

  /** Ends the wait for a receipt in band; one that comes later still settles. */
  expire(requestId: string): void {
    this.#settle((nowMs) => this.#ledger.expire(requestId, nowMs));
  }

  /** Money, and entries newest first from before `beforeSequence`. */
  readLedger(beforeSequence: number | null, limit: number): LedgerView {
    return {
      purse: this.#ledger.readPurse(),
      entries: this.#entries.list(beforeSequence, limit),
    };
  }

  /** Money, and what was used. */
  readUsage(page: UsagePage): UsageView {
    return { purse: this.#ledger.readPurse(), lines: this.#usage.list(page, Date.now()) };
  }

  /** What its entries come to by block, and whether any is on its way to the table for reports. */
  sumEntries(): EntrySums {
    return { blocks: this.#outbox.sumEntries(), isWaiting: this.#outbox.hasAny() };
  }

  /** Sends entries of these blocks to the table again, unless some are on their way. */
  resendEntries(blocks: readonly number[]): void {
    if (this.#outbox.hasAny()) return;
    this.#transact(() => {
      for (const block of blocks) this.#outbox.resend(block);
    });
  }

  /** Moves on what is due, and sends what waits for the queue. May come twice, or late. */
  override async alarm(): Promise<void> {
    this.#alarmAt = null;
    const swept = this.#transact((nowMs) => {
      this.#claims.sweep(nowMs);
      const holds = this.#ledger.sweep(nowMs);
      for (const { settlement } of holds) this.#book(settlement, nowMs);
      return holds;
    });
    for (const { requestId, isReceiptLost } of swept) {
      if (isReceiptLost) writeLog({ event: "receipt_lost", generation_id: requestId });
    }
    await this.#flush();
  }

  /** Sends all that waits, as much at once as a message takes; what the queue did not get waits on. */
  async #flush(): Promise<void> {
    const read = () => this.#outbox.read(MAX_MESSAGE_ENTRIES);
    try {
      for (let entries = read(); entries.length > 0; entries = read()) {
        await this.env.USAGE_QUEUE.send(entries);
        this.#outbox.remove(entries);
      }
      this.#flushDelayMs = FLUSH_DELAY_MS;
    } catch (error) {
      writeLog({ event: "usage_not_sent", kind: error instanceof Error ? error.name : "unknown" });
      this.#flushDelayMs = FLUSH_RETRY_MS;
    }
    this.#arm();
  }

  #credit({ kind, amount, reference }: Credit, nowMs: number): LedgerEntry {
    return this.#ledger.credit(kind, amount, reference, nowMs);
  }

  #settle(act: (nowMs: number) => Settlement | null): Settlement | null {
    return this.#transact((nowMs) => {
      const settlement = act(nowMs);
      if (settlement !== null) this.#book(settlement, nowMs);
      return settlement;
    });
  }

  /** What was counted against the plan's steps and not executed is given back with the money. */
  #book(settlement: Settlement, nowMs: number): void {
    if (!settlement.isNew) return;
    const { stepUnitsPerMinute } = PLANS[this.#store.readPlan()];
    this.#limits.take("steps", stepUnitsPerMinute, -settlement.unusedStepUnits, nowMs);
    if (settlement.cost > 0) this.#usage.add(settlement, nowMs);
  }

  /** Runs `act` as one transaction, and sees to it that what it leaves due is woken for. */
  #transact<Result>(act: (nowMs: number) => Result): Result {
    try {
      const result = this.ctx.storage.transactionSync(() => act(Date.now()));
      this.#arm();
      return result;
    } catch (error) {
      this.#store.forget();
      this.#limits.forget();
      this.#ledger.forget();
      throw error;
    }
  }

  /** Sets the alarm to what is due first. */
  #arm(): void {
    // Nothing that a call leaves is due any sooner: what it left is seen to when the alarm rings.
    if (this.#alarmAt !== null && this.#alarmAt <= Date.now() + this.#soonestMs) return;
    const flushAt = this.#outbox.hasAny() ? Date.now() + this.#flushDelayMs : null;
    const dueAts = [this.#ledger.nextDueAt(), this.#claims.nextDueAt(), flushAt];
    const dueAt = Math.min(...dueAts.map((at) => at ?? Number.POSITIVE_INFINITY));
    if (Number.isFinite(dueAt) && (this.#alarmAt === null || dueAt < this.#alarmAt)) {
      this.#alarmAt = dueAt;
      // Part of the same write: the reply waits until both are on disk.
      void this.ctx.storage.setAlarm(dueAt);
    }
  }
}

/** One line of JSON for the operator; ids only. */
function writeLog(fields: Readonly<Record<string, string>>): void {
  // biome-ignore lint/suspicious/noConsole: the platform's log is its console.
  console.error(JSON.stringify(fields));
}
