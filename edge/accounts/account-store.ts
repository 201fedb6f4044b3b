/**
 * What one account keeps, in SQLite: itself and its keys.
 *
 * Owns: the tables and the rules over them. Does not own: the object that lives on the network
 * (account-object.ts), key formats (api-key.ts), and time, which is passed in.
 */
import type { KeyScope } from "#shared/contracts/accounts.ts";

/** A value of a row. */
type SqlValue = string | number | null | ArrayBuffer;

/** The part of a Durable Object's `SqlStorage` that is used here. */
export interface Sql {
  exec(query: string, ...bindings: (string | number | null)[]): { toArray(): SqlRow[] };
}
type SqlRow = Record<string, SqlValue>;

/** The account itself. */
export interface AccountRecord {
  readonly accountId: string;
  readonly name: string | null;
  /** Epoch milliseconds. */
  readonly createdAt: number;
}

/** A key without its secret. Times are epoch milliseconds. */
export interface KeyRecord {
  readonly keyId: string;
  readonly name: string | null;
  readonly scope: KeyScope;
  readonly lastFour: string;
  readonly createdAt: number;
  readonly expiresAt: number | null;
  readonly revokedAt: number | null;
}

/** A key to keep. */
export interface NewKeyRecord extends KeyRecord {
  /** SHA-256 of the secret, hex. */
  readonly secretHash: string;
}

/** A presented key, to be judged. */
export interface PresentedKey {
  readonly keyId: string;
  readonly secretHash: string;
  /** The key must have one of these. */
  readonly scopes: KeyScope[];
}

/** A refusal is a value: it crosses the network between objects unharmed. */
export type KeyVerdict =
  | { accepted: true; keyId: string; scope: KeyScope }
  | { accepted: false; code: "invalid_api_key" | "scope_not_allowed" };

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS account (
    account_id TEXT PRIMARY KEY,
    name TEXT,
    created_at INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS api_key (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    key_id TEXT NOT NULL UNIQUE,
    secret_hash TEXT NOT NULL,
    name TEXT,
    scope TEXT NOT NULL CHECK (scope IN ('inference', 'management')),
    last_four TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER
  ) STRICT;
`;

const KEY_COLUMNS = "key_id, name, scope, last_four, created_at, expires_at, revoked_at";

/** One account's rows. Every method is one synchronous piece, safe to repeat. */
export class AccountStore {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
    sql.exec(SCHEMA);
  }

  /** Keeps the account; one that is there already stays as it is. */
  insertAccount(account: AccountRecord): void {
    this.#sql.exec(
      "INSERT OR IGNORE INTO account (account_id, name, created_at) VALUES (?, ?, ?)",
      account.accountId,
      account.name,
      account.createdAt,
    );
  }

  /** Keeps a key; one that is there already stays as it is. */
  insertKey(key: NewKeyRecord): void {
    this.#sql.exec(
      `INSERT OR IGNORE INTO api_key (secret_hash, ${KEY_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      key.secretHash,
      key.keyId,
      key.name,
      key.scope,
      key.lastFour,
      key.createdAt,
      key.expiresAt,
      key.revokedAt,
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

  /** Revokes a key for good and tells what is kept of it; `null` if there is none of that id. */
  revokeKey(keyId: string, nowMs: number): KeyRecord | null {
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
    const [row] = this.#sql
      .exec(
        `SELECT ${KEY_COLUMNS} FROM api_key WHERE key_id = ? AND secret_hash = ?`,
        presented.keyId,
        presented.secretHash,
      )
      .toArray();
    if (row === undefined) return { accepted: false, code: "invalid_api_key" };
    const key = toKeyRecord(row);
    const isExpired = key.expiresAt !== null && key.expiresAt <= nowMs;
    if (isExpired || key.revokedAt !== null) return { accepted: false, code: "invalid_api_key" };
    if (!presented.scopes.includes(key.scope))
      return { accepted: false, code: "scope_not_allowed" };
    return { accepted: true, keyId: key.keyId, scope: key.scope };
  }
}

function toKeyRecord(row: SqlRow): KeyRecord {
  return {
    keyId: String(row["key_id"]),
    name: toText(row["name"]),
    scope: row["scope"] === "management" ? "management" : "inference",
    lastFour: String(row["last_four"]),
    createdAt: Number(row["created_at"]),
    expiresAt: toTime(row["expires_at"]),
    revokedAt: toTime(row["revoked_at"]),
  };
}

function toText(value: SqlValue | undefined): string | null {
  return typeof value === "string" ? value : null;
}

function toTime(value: SqlValue | undefined): number | null {
  return typeof value === "number" ? value : null;
}
