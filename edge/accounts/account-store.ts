/**
 * What one account keeps, in SQLite: itself and its keys.
 *
 * Owns: the tables and the rules over them. Does not own: the object that lives on the network
 * (account-object.ts), key formats (api-key.ts), and time, which is passed in.
 */
import type { KeyScope } from "#shared/contracts/accounts.ts";
import { type Plan, planSchema } from "#shared/contracts/plans.ts";
import type { Tier } from "#shared/contracts/tier-names.ts";
import {
  numberOf,
  optionalNumberOf,
  optionalTextOf,
  type Sql,
  type SqlRow,
  textOf,
} from "./sql.ts";

/** The account itself. */
export interface AccountRecord {
  readonly accountId: string;
  readonly name: string | null;
  readonly plan: Plan;
  /** Epoch milliseconds. */
  readonly createdAt: number;
}

/** What a key may be used for, beside its scope; `null` sets no bound. */
export interface KeyBounds {
  /** Epoch milliseconds. */
  readonly expiresAt: number | null;
  /** Micro-dollars over the key's whole life. */
  readonly spendingLimit: number | null;
  /** Requests that run or wait at once. */
  readonly concurrencyLimit: number | null;
  /** Ids of models. */
  readonly models: readonly string[] | null;
  readonly tiers: readonly Tier[] | null;
}

/** A key without its secret. Times are epoch milliseconds, money is in micro-dollars. */
export interface KeyRecord extends KeyBounds {
  readonly keyId: string;
  readonly name: string | null;
  readonly scope: KeyScope;
  readonly lastFour: string;
  readonly createdAt: number;
  readonly revokedAt: number | null;
  readonly spent: number;
  readonly held: number;
}

/** A key to keep. */
export interface NewKeyRecord extends Omit<KeyRecord, "spent" | "held"> {
  /** SHA-256 of the secret, hex. */
  readonly secretHash: string;
}

/** What may be changed of a key; what is absent stays as it is. */
export type KeyChanges = Partial<KeyBounds & Pick<KeyRecord, "name">>;

/** What a key that follows another has of its own. */
export type SuccessorKey = Pick<NewKeyRecord, "keyId" | "secretHash" | "lastFour" | "createdAt">;

/** A presented key, to be judged. */
export interface PresentedKey {
  readonly keyId: string;
  readonly secretHash: string;
  /** The key must have one of these. */
  readonly scopes: KeyScope[];
}

/** What requests do not change of a key. */
export type LiveKey = Omit<KeyRecord, "spent" | "held">;

/** What a key's budget has come to, micro-dollars. */
export type Spending = Pick<KeyRecord, "spent" | "held">;

/** A refusal is a value: it crosses the network between objects unharmed. */
export type KeyVerdict =
  | { accepted: true; key: LiveKey; plan: Plan }
  | { accepted: false; code: "invalid_api_key" | "scope_not_allowed" };

const KEY_COLUMNS = `key_id, name, scope, last_four, created_at, expires_at, revoked_at,
  spending_limit, concurrency_limit, models, tiers, spent, held`;
const READ_KEY = `SELECT ${KEY_COLUMNS}, secret_hash FROM api_key WHERE key_id = ?`;

/** Keys that are remembered; more than an account uses at once. */
const MAX_REMEMBERED_KEYS = 1_000;

/** One account's rows. Every method is one synchronous piece, safe to repeat. */
export class AccountStore {
  readonly #sql: Sql;
  /**
   * Keys that were judged, by their ids. Nobody else writes them: what changes any, and whoever rolls a
   * transaction back, has them read anew.
   */
  readonly #keys = new Map<string, { readonly key: LiveKey; readonly secretHash: string }>();
  /** Never changes once it is read. */
  #plan: Plan | null = null;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Keeps the account; one that is there already stays as it is. */
  insertAccount(account: AccountRecord): void {
    this.#sql.exec(
      "INSERT OR IGNORE INTO account (account_id, name, plan, created_at) VALUES (?, ?, ?, ?)",
      account.accountId,
      account.name,
      account.plan,
      account.createdAt,
    );
  }

  /** Tells whether the account was opened. */
  isOpen(): boolean {
    return this.#sql.exec("SELECT 1 FROM account").toArray().length > 0;
  }

  /** The account's plan. */
  readPlan(): Plan {
    if (this.#plan === null) {
      const [row] = this.#sql.exec("SELECT plan FROM account").toArray();
      this.#plan = planSchema.parse(row?.["plan"]);
    }
    return this.#plan;
  }

  /** What was written since the last commit was not written. */
  forget(): void {
    this.#keys.clear();
  }

  /** Keeps a key; one that is there already stays as it is. */
  insertKey(key: NewKeyRecord): void {
    this.#sql.exec(
      `INSERT OR IGNORE INTO api_key (secret_hash, key_id, name, scope, last_four, created_at,
         expires_at, revoked_at, spending_limit, concurrency_limit, models, tiers, budget_id)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      key.secretHash,
      key.keyId,
      key.name,
      key.scope,
      key.lastFour,
      key.createdAt,
      key.expiresAt,
      key.revokedAt,
      key.spendingLimit,
      key.concurrencyLimit,
      fromList(key.models),
      fromList(key.tiers),
      key.keyId,
    );
  }

  /** Keys oldest first, revoked ones too, from behind `afterKeyId`; none behind an unknown one. */
  listKeys(afterKeyId: string | null, limit: number): KeyRecord[] {
    const rows = this.#sql.exec(
      `SELECT ${KEY_COLUMNS} FROM api_key
       WHERE ? IS NULL OR sequence > (SELECT sequence FROM api_key WHERE key_id = ?)
       ORDER BY sequence LIMIT ?`,
      afterKeyId,
      afterKeyId,
      limit,
    );
    return rows.toArray().map(toKeyRecord);
  }

  /**
   * Puts a new key in a live one's place: same name, scope, bounds and budget. The old one works for
   * `overlapMs` longer, at most to its own expiry.
   *
   * @returns The new key; `null` if no live key has the id.
   */
  rotateKey(
    keyId: string,
    successor: SuccessorKey,
    overlapMs: number,
    nowMs: number,
  ): KeyRecord | null {
    this.#keys.clear();
    this.#sql.exec(
      `INSERT OR IGNORE INTO api_key (secret_hash, key_id, last_four, created_at, name, scope,
         expires_at, spending_limit, concurrency_limit, models, tiers, spent, held, budget_id)
       SELECT ?, ?, ?, ?, name, scope, expires_at, spending_limit, concurrency_limit, models,
         tiers, spent, held, budget_id
       FROM api_key
       WHERE key_id = ? AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?)`,
      successor.secretHash,
      successor.keyId,
      successor.lastFour,
      successor.createdAt,
      keyId,
      nowMs,
    );
    const [row] = this.#sql
      .exec(`SELECT ${KEY_COLUMNS} FROM api_key WHERE key_id = ?`, successor.keyId)
      .toArray();
    if (row === undefined) return null;
    this.#sql.exec(
      "UPDATE api_key SET expires_at = MIN(COALESCE(expires_at, ?), ?) WHERE key_id = ?",
      successor.createdAt + overlapMs,
      successor.createdAt + overlapMs,
      keyId,
    );
    return toKeyRecord(row);
  }

  /** Changes a live key from the next request on; `null` if none has the id. */
  updateKey(keyId: string, changes: KeyChanges, nowMs: number): KeyRecord | null {
    this.#keys.clear();
    const [row] = this.#sql
      .exec(
        `SELECT ${KEY_COLUMNS} FROM api_key
         WHERE key_id = ? AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?)`,
        keyId,
        nowMs,
      )
      .toArray();
    if (row === undefined) return null;
    const key = { ...toKeyRecord(row), ...changes };
    this.#sql.exec(
      `UPDATE api_key SET name = ?, expires_at = ?, spending_limit = ?, concurrency_limit = ?,
         models = ?, tiers = ? WHERE key_id = ?`,
      key.name,
      key.expiresAt,
      key.spendingLimit,
      key.concurrencyLimit,
      fromList(key.models),
      fromList(key.tiers),
      keyId,
    );
    return key;
  }

  /** Revokes a key for good and tells what is kept of it; `null` if there is none of that id. */
  revokeKey(keyId: string, nowMs: number): KeyRecord | null {
    this.#keys.clear();
    const rows = this.#sql.exec(
      `UPDATE api_key SET revoked_at = COALESCE(revoked_at, ?) WHERE key_id = ?
       RETURNING ${KEY_COLUMNS}`,
      nowMs,
      keyId,
    );
    const [row] = rows.toArray();
    return row === undefined ? null : toKeyRecord(row);
  }

  /** Judges a presented key. Whoever holds no live secret learns nothing of the key's scope. */
  authorizeKey(presented: PresentedKey, nowMs: number): KeyVerdict {
    const known = this.#keys.get(presented.keyId) ?? this.#readKey(presented.keyId);
    if (known === null || known.secretHash !== presented.secretHash) {
      return { accepted: false, code: "invalid_api_key" };
    }
    const { key } = known;
    const isExpired = key.expiresAt !== null && key.expiresAt <= nowMs;
    if (isExpired || key.revokedAt !== null) return { accepted: false, code: "invalid_api_key" };
    if (!presented.scopes.includes(key.scope))
      return { accepted: false, code: "scope_not_allowed" };
    return { accepted: true, key, plan: this.readPlan() };
  }

  /** What a key's budget has come to. */
  readSpending(keyId: string): Spending {
    const [row = {}] = this.#sql
      .exec("SELECT spent, held FROM api_key WHERE key_id = ?", keyId)
      .toArray();
    return { spent: numberOf(row, "spent"), held: numberOf(row, "held") };
  }

  #readKey(keyId: string): { key: LiveKey; secretHash: string } | null {
    const [row] = this.#sql.exec(READ_KEY, keyId).toArray();
    if (row === undefined) return null;
    const { spent: _, held: __, ...key } = toKeyRecord(row);
    const known = { key, secretHash: textOf(row, "secret_hash") };
    if (this.#keys.size >= MAX_REMEMBERED_KEYS) this.#keys.clear();
    this.#keys.set(keyId, known);
    return known;
  }
}

function toKeyRecord(row: SqlRow): KeyRecord {
  return {
    keyId: textOf(row, "key_id"),
    name: optionalTextOf(row, "name"),
    scope: row["scope"] === "management" ? "management" : "inference",
    lastFour: textOf(row, "last_four"),
    createdAt: numberOf(row, "created_at"),
    expiresAt: optionalNumberOf(row, "expires_at"),
    revokedAt: optionalNumberOf(row, "revoked_at"),
    spendingLimit: optionalNumberOf(row, "spending_limit"),
    concurrencyLimit: optionalNumberOf(row, "concurrency_limit"),
    spent: numberOf(row, "spent"),
    held: numberOf(row, "held"),
    models: toList(row, "models"),
    tiers: toList(row, "tiers") as Tier[] | null,
  };
}

function fromList(list: readonly string[] | null): string | null {
  return list === null ? null : JSON.stringify(list);
}

/** A list kept as JSON; null means that everything is allowed. */
function toList(row: SqlRow, column: string): string[] | null {
  const text = optionalTextOf(row, column);
  return text === null ? null : JSON.parse(text);
}
