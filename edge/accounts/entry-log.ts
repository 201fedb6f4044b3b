/** The entries of one account's ledger: appended, chained by hash, never changed. */
import {
  type LedgerEntry,
  type LedgerEntryKind,
  ledgerEntryKindSchema,
} from "#shared/contracts/ledger.ts";
import { hashLedgerEntry, toGenesisHash } from "#shared/contracts/ledger-chain.ts";
import { numberOf, type Sql, type SqlRow, textOf } from "./sql.ts";

/** A movement of money to write down. */
export interface NewEntry {
  readonly kind: LedgerEntryKind;
  /** Micro-dollars, not 0. */
  readonly amount: number;
  readonly balanceAfter: number;
  /** Unique within its kind. */
  readonly reference: string;
}

/** The log over one account's rows. */
export class EntryLog {
  readonly #sql: Sql;
  /**
   * The last entry, once it was written or read here: nobody else writes any, and whoever rolls a
   * transaction back says so by {@link forget}.
   */
  #last: { readonly sequence: number; readonly hash: string } | null = null;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Writes an entry behind the last one. */
  append({ kind, amount, balanceAfter, reference }: NewEntry, nowMs: number): LedgerEntry {
    const last = this.#last ?? this.#readLast();
    const unsigned = {
      sequence: (last?.sequence ?? 0) + 1,
      kind,
      amount,
      balance_after: balanceAfter,
      reference,
      created_at: new Date(nowMs).toISOString(),
      previous_hash: last?.hash ?? toGenesisHash(this.#readAccountId()),
    };
    const entry = { ...unsigned, object: "ledger_entry" as const, hash: hashLedgerEntry(unsigned) };
    this.#sql.exec(
      `INSERT INTO entry (sequence, kind, amount, balance_after, reference, created_at,
         previous_hash, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      entry.sequence,
      kind,
      amount,
      balanceAfter,
      reference,
      nowMs,
      entry.previous_hash,
      entry.hash,
    );
    this.#last = { sequence: entry.sequence, hash: entry.hash };
    return entry;
  }

  /** What was appended since the last commit was not appended. */
  forget(): void {
    this.#last = null;
  }

  /** The entry of a reference. */
  find(kind: LedgerEntryKind, reference: string): LedgerEntry | null {
    const [row] = this.#sql
      .exec("SELECT * FROM entry WHERE kind = ? AND reference = ?", kind, reference)
      .toArray();
    return row === undefined ? null : toEntry(row);
  }

  /** Entries newest first, from before `beforeSequence` where there is one. */
  list(beforeSequence: number | null, limit: number): LedgerEntry[] {
    return this.#sql
      .exec(
        "SELECT * FROM entry WHERE ? IS NULL OR sequence < ? ORDER BY sequence DESC LIMIT ?",
        beforeSequence,
        beforeSequence,
        limit,
      )
      .toArray()
      .map(toEntry);
  }

  #readLast(): { sequence: number; hash: string } | null {
    const [row] = this.#sql
      .exec("SELECT sequence, hash FROM entry ORDER BY sequence DESC LIMIT 1")
      .toArray();
    return row === undefined
      ? null
      : { sequence: numberOf(row, "sequence"), hash: textOf(row, "hash") };
  }

  #readAccountId(): string {
    const [row = {}] = this.#sql.exec("SELECT account_id FROM account").toArray();
    return textOf(row, "account_id");
  }
}

function toEntry(row: SqlRow): LedgerEntry {
  return {
    sequence: numberOf(row, "sequence"),
    object: "ledger_entry",
    kind: ledgerEntryKindSchema.parse(row["kind"]),
    amount: numberOf(row, "amount"),
    balance_after: numberOf(row, "balance_after"),
    reference: textOf(row, "reference"),
    created_at: new Date(numberOf(row, "created_at")).toISOString(),
    previous_hash: textOf(row, "previous_hash"),
    hash: textOf(row, "hash"),
  };
}
