/**
 * The edge's way to an account's object.
 *
 * Owns: finding the object, asking again where that is safe, turning refusals into errors.
 */
import type { KeyScope } from "#shared/contracts/accounts.ts";
import { ApiError } from "#shared/contracts/errors.ts";
import type {
  AccountRecord,
  KeyRecord,
  KeyVerdict,
  NewKeyRecord,
  PresentedKey,
} from "./account-store.ts";
import { hashSecret, type ParsedApiKey } from "./api-key.ts";

/** What an account's object answers to; `AccountObject` over the network. */
export interface AccountStub {
  createAccount(account: AccountRecord, firstKey: NewKeyRecord): Promise<void>;
  createKey(key: NewKeyRecord): Promise<void>;
  listKeys(afterKeyId: string | null, limit: number): Promise<KeyRecord[]>;
  revokeKey(keyId: string): Promise<KeyRecord | null>;
  authorizeKey(presented: PresentedKey): Promise<KeyVerdict>;
}

/** A stub for an account id; made anew for each call, since a failed call breaks its stub. */
export type FindAccount = (accountId: string) => AccountStub;

/** Who is calling, once the key was found live. */
export interface Caller {
  readonly accountId: string;
  readonly keyId: string;
  readonly scope: KeyScope;
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
  async authorizeKey(key: ParsedApiKey, scopes: KeyScope[]): Promise<Caller> {
    const presented = { keyId: key.keyId, secretHash: await hashSecret(key.secret), scopes };
    const verdict = await this.#call(key.accountId, (account) => account.authorizeKey(presented));
    if (verdict.accepted) {
      return { accountId: key.accountId, keyId: verdict.keyId, scope: verdict.scope };
    }
    throw verdict.code === "scope_not_allowed"
      ? new ApiError("scope_not_allowed", `This needs a key of scope ${scopes.join(" or ")}.`)
      : new ApiError("invalid_api_key", "The API key is unknown, expired or revoked.");
  }

  /** Opens an account with its first key. */
  async createAccount(account: AccountRecord, firstKey: NewKeyRecord): Promise<void> {
    await this.#call(account.accountId, (stub) => stub.createAccount(account, firstKey));
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
   * Revokes a key of the account.
   *
   * @throws {ApiError} `not_found`.
   */
  async revokeKey(accountId: string, keyId: string): Promise<KeyRecord> {
    const key = await this.#call(accountId, (account) => account.revokeKey(keyId));
    if (key === null) throw new ApiError("not_found", "The account has no key of this id.");
    return key;
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
