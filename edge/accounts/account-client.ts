/**
 * The edge's way to an account's object.
 *
 * Owns: finding the object, asking again where that is safe, turning refusals into errors.
 */
import type { KeyScope } from "#shared/contracts/accounts.ts";
import type { UsageLine } from "#shared/contracts/billing.ts";
import { ApiError } from "#shared/contracts/errors.ts";
import type { LedgerEntry } from "#shared/contracts/ledger.ts";
import type { Plan } from "#shared/contracts/plans.ts";
import type { BlockSum } from "#shared/contracts/reconciliation.ts";
import type {
  AccountRecord,
  KeyChanges,
  KeyRecord,
  KeyVerdict,
  NewKeyRecord,
  PresentedKey,
  SuccessorKey,
} from "./account-store.ts";
import type { Admission, AdmissionOrder, Refusal } from "./admission.ts";
import type { KeptAnswer } from "./claims.ts";
import type { Settlement } from "./hold.ts";
import type { RecognizedKey } from "./known-keys.ts";
import type { Credit, ReceiptNotice } from "./ledger.ts";
import type { Purse } from "./purse.ts";
import type { UsagePage } from "./usage-log.ts";

/** Money now, and some of its history. */
export interface LedgerView {
  readonly purse: Purse;
  readonly entries: LedgerEntry[];
}

/** Money now, and what was used. */
export interface UsageView {
  readonly purse: Purse;
  readonly lines: UsageLine[];
}

/** What the entries come to, by block. */
export interface EntrySums {
  readonly blocks: BlockSum[];
  /** True while some are on their way to the table for reports. */
  readonly isWaiting: boolean;
}

/** What an account's object answers to; `AccountObject` over the network. */
export interface AccountStub {
  createAccount(
    account: AccountRecord,
    firstKey: NewKeyRecord,
    credit: Credit | null,
  ): Promise<void>;
  credit(credit: Credit): Promise<LedgerEntry | null>;
  createKey(key: NewKeyRecord): Promise<void>;
  listKeys(afterKeyId: string | null, limit: number): Promise<KeyRecord[]>;
  rotateKey(keyId: string, successor: SuccessorKey, overlapMs: number): Promise<KeyRecord | null>;
  updateKey(keyId: string, changes: KeyChanges): Promise<KeyRecord | null>;
  revokeKey(keyId: string): Promise<KeyRecord | null>;
  authorizeKey(presented: PresentedKey): Promise<KeyVerdict>;
  admit(order: AdmissionOrder): Promise<Admission>;
  dispatch(requestId: string, attempt: number, deliveredUnits: number): Promise<boolean>;
  settle(
    requestId: string,
    receipt: ReceiptNotice,
    answer: KeptAnswer | null,
  ): Promise<Settlement | null>;
  release(requestId: string): Promise<Settlement | null>;
  expire(requestId: string): Promise<void>;
  readLedger(beforeSequence: number | null, limit: number): Promise<LedgerView>;
  readUsage(page: UsagePage): Promise<UsageView>;
  sumEntries(): Promise<EntrySums>;
  resendEntries(blocks: readonly number[]): Promise<void>;
}

/** A stub for an account id; made anew for each call, since a failed call breaks its stub. */
export type FindAccount = (accountId: string) => AccountStub;

/** Who is calling, once the key was found live. */
export interface Caller {
  readonly accountId: string;
  readonly keyId: string;
  readonly scope: KeyScope;
  readonly plan: Plan;
}

/** Seconds to wait when an account gets more calls than its object can take. */
const OVERLOADED_RETRY_SECONDS = 1;

/** Asks accounts. */
export class AccountClient {
  readonly #findAccount: FindAccount;

  constructor(findAccount: FindAccount) {
    this.#findAccount = findAccount;
  }

  /**
   * Asks the key's account whether it is live and has one of `scopes`.
   *
   * @throws {ApiError} `invalid_api_key`, `scope_not_allowed`, `overloaded`.
   */
  async authorizeKey(key: RecognizedKey, scopes: KeyScope[]): Promise<Caller> {
    const presented = { keyId: key.keyId, secretHash: key.secretHash, scopes };
    const verdict = await this.#call(key.accountId, (account) => account.authorizeKey(presented));
    if (verdict.accepted) {
      const { keyId, scope } = verdict.key;
      return { accountId: key.accountId, keyId, scope, plan: verdict.plan };
    }
    throw verdict.code === "scope_not_allowed"
      ? new ApiError("scope_not_allowed", `This needs a key of scope ${scopes.join(" or ")}.`)
      : new ApiError("invalid_api_key", "The API key is unknown, expired or revoked.");
  }

  /** Opens an account with its first key, and what it starts with. */
  async createAccount(
    account: AccountRecord,
    firstKey: NewKeyRecord,
    credit: Credit | null,
  ): Promise<void> {
    await this.#call(account.accountId, (stub) => stub.createAccount(account, firstKey, credit));
  }

  /**
   * Puts money in, once for each reference.
   *
   * @throws {ApiError} `not_found` if there is no such account.
   */
  async credit(accountId: string, credit: Credit): Promise<LedgerEntry> {
    const entry = await this.#call(accountId, (account) => account.credit(credit));
    if (entry === null) throw new ApiError("not_found", "There is no account of this id.");
    return entry;
  }

  /** Asks whether a request may run, and has what it can cost held. */
  async admit(accountId: string, order: AdmissionOrder): Promise<Admission> {
    return await this.#call(accountId, (account) => account.admit(order));
  }

  /**
   * Notes that a node may begin the request's `attempt`-th try; false if it may not. Of the first one
   * the account has taken note with the hold: it is not asked.
   *
   * @param deliveredUnits Step units of the tries before whose frames the client has.
   */
  async dispatch(
    accountId: string,
    requestId: string,
    attempt: number,
    deliveredUnits: number,
  ): Promise<boolean> {
    if (attempt === 1) return true;
    return await this.#call(accountId, (account) =>
      account.dispatch(requestId, attempt, deliveredUnits),
    );
  }

  /** Charges what a receipt says, once, and keeps the answer; `null` for an unknown request. */
  async settle(
    accountId: string,
    requestId: string,
    receipt: ReceiptNotice,
    answer: KeptAnswer | null,
  ): Promise<Settlement | null> {
    return await this.#call(accountId, (account) => account.settle(requestId, receipt, answer));
  }

  /** Gives back all that is held for a request of which no step was executed. */
  async release(accountId: string, requestId: string): Promise<Settlement | null> {
    return await this.#call(accountId, (account) => account.release(requestId));
  }

  /** Leaves a hold to a receipt that comes by another way. */
  async expire(accountId: string, requestId: string): Promise<void> {
    await this.#call(accountId, (account) => account.expire(requestId));
  }

  /** Keeps a key of the account. */
  async createKey(accountId: string, key: NewKeyRecord): Promise<void> {
    await this.#call(accountId, (account) => account.createKey(key));
  }

  /** Keys of the account, oldest first, from behind `afterKeyId`. */
  async listKeys(
    accountId: string,
    afterKeyId: string | null,
    limit: number,
  ): Promise<KeyRecord[]> {
    return await this.#call(accountId, (account) => account.listKeys(afterKeyId, limit));
  }

  /**
   * Puts a new key in a live one's place, which works for `overlapMs` longer.
   *
   * @throws {ApiError} `not_found`.
   */
  async rotateKey(
    accountId: string,
    keyId: string,
    successor: SuccessorKey,
    overlapMs: number,
  ): Promise<KeyRecord> {
    const key = await this.#call(accountId, (account) =>
      account.rotateKey(keyId, successor, overlapMs),
    );
    if (key === null) throw noLiveKey();
    return key;
  }

  /**
   * Changes a live key of the account.
   *
   * @throws {ApiError} `not_found`.
   */
  async updateKey(accountId: string, keyId: string, changes: KeyChanges): Promise<KeyRecord> {
    const key = await this.#call(accountId, (account) => account.updateKey(keyId, changes));
    if (key === null) throw noLiveKey();
    return key;
  }

  /**
   * Revokes a key of the account.
   *
   * @throws {ApiError} `not_found`.
   */
  async revokeKey(accountId: string, keyId: string): Promise<KeyRecord> {
    const key = await this.#call(accountId, (account) => account.revokeKey(keyId));
    if (key === null) throw new ApiError("not_found", "The account has no key of this id.");
    return key;
  }

  /** Money, and entries newest first from before `beforeSequence`. */
  async readLedger(
    accountId: string,
    beforeSequence: number | null,
    limit: number,
  ): Promise<LedgerView> {
    return await this.#call(accountId, (account) => account.readLedger(beforeSequence, limit));
  }

  /** Money, and what was used, newest first. */
  async readUsage(accountId: string, page: UsagePage): Promise<UsageView> {
    return await this.#call(accountId, (account) => account.readUsage(page));
  }

  /** What the account's entries come to. */
  async sumEntries(accountId: string): Promise<EntrySums> {
    return await this.#call(accountId, (account) => account.sumEntries());
  }

  /** Sends entries of these blocks to the table for reports again. */
  async resendEntries(accountId: string, blocks: readonly number[]): Promise<void> {
    await this.#call(accountId, (account) => account.resendEntries(blocks));
  }

  /** Calls, and once more after a failure that the runtime calls passing: no method acts twice. */
  async #call<Answer>(
    accountId: string,
    call: (account: AccountStub) => Promise<Answer>,
  ): Promise<Answer> {
    try {
      return await call(this.#findAccount(accountId));
    } catch (error) {
      if (hasFlag(error, "overloaded")) throw overloaded(error);
      if (!hasFlag(error, "retryable")) throw error;
      return await call(this.#findAccount(accountId));
    }
  }
}

/** A refusal as the client is told it. */
export function toRefusalError({
  code,
  message,
  param,
  retryAfterMs,
  metadata,
}: Refusal): ApiError {
  const wait = retryAfterMs === null ? {} : { retryAfterSeconds: retryAfterMs / 1_000 };
  return new ApiError(code, message, { param, metadata, ...wait });
}

function noLiveKey(): ApiError {
  return new ApiError("not_found", "The account has no live key of this id.");
}

function overloaded(cause: unknown): ApiError {
  return new ApiError("overloaded", "The account has too many requests at once.", {
    retryAfterSeconds: OVERLOADED_RETRY_SECONDS,
    cause,
  });
}

/** Durable Object errors carry `overloaded` and `retryable` as properties. */
function hasFlag(error: unknown, flag: "overloaded" | "retryable"): boolean {
  return error instanceof Error && Reflect.get(error, flag) === true;
}
