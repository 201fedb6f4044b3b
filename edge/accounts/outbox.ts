/**
 * Ledger entries that the usage queue has not got yet.
 *
 * A trigger puts each entry here in the transaction that writes it, so none is ever missed; it leaves
 * when the queue has it, so one may be sent twice. Does not own: sending (account-object.ts).
 */
import { ledgerEntryKindSchema } from "#shared/contracts/ledger.ts";
import { BLOCK_LENGTH, type BlockSum } from "#shared/contracts/reconciliation.ts";
import { tierSchema } from "#shared/contracts/tier-names.ts";
import type { UsageEntry } from "#shared/contracts/usage-message.ts";
import {
  numberOf,
  optionalNumberOf,
  optionalTextOf,
  type Sql,
  type SqlRow,
  textOf,
} from "./sql.ts";

/** The outbox of one account. */
export class Outbox {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /**
   * The oldest entries that wait, as a message has them. The outbox is read first and whole entries are looked up:
   * left to itself, SQLite reads every entry that there ever was.
   */
  read(limit: number): UsageEntry[] {
    return this.#sql
      .exec(
        `SELECT account_id, entry.sequence, kind, entry.amount, balance_after, reference,
           entry.created_at, key_id, model, tier, captured / unit_price AS step_units
         FROM outbox CROSS JOIN entry ON entry.sequence = outbox.sequence CROSS JOIN account
         LEFT JOIN hold ON kind = 'charge' AND request_id = reference
         ORDER BY outbox.sequence LIMIT ?`,
        limit,
      )
      .toArray()
      .map(toUsageEntry);
  }

  /** Forgets what the queue has: entries as {@link read} gave them, and none but those. */
  remove(entries: readonly UsageEntry[]): void {
    const sequences = entries.map(({ sequence }) => sequence);
    this.#sql.exec(
      "DELETE FROM outbox WHERE sequence BETWEEN ? AND ?",
      Math.min(...sequences),
      Math.max(...sequences),
    );
  }

  /** How many entries there are in each block, and what they come to; those that wait, too. */
  sumEntries(): BlockSum[] {
    return this.#sql
      .exec(
        `SELECT (sequence - 1) / ${BLOCK_LENGTH} AS block, COUNT(*) AS count,
           SUM(amount) AS amount FROM entry GROUP BY block`,
      )
      .toArray()
      .map((row) => ({
        block: numberOf(row, "block"),
        count: numberOf(row, "count"),
        amount: numberOf(row, "amount"),
      }));
  }

  /** Has a block's entries wait again; nothing else may wait, or {@link remove} would forget some. */
  resend(block: number): void {
    this.#sql.exec(
      "INSERT INTO outbox (sequence) SELECT sequence FROM entry WHERE sequence BETWEEN ? AND ?",
      block * BLOCK_LENGTH + 1,
      (block + 1) * BLOCK_LENGTH,
    );
  }

  /** Tells whether anything waits. */
  hasAny(): boolean {
    return this.#sql.exec("SELECT 1 FROM outbox LIMIT 1").toArray().length > 0;
  }
}

function toUsageEntry(row: SqlRow): UsageEntry {
  return {
    account_id: textOf(row, "account_id"),
    sequence: numberOf(row, "sequence"),
    kind: ledgerEntryKindSchema.parse(row["kind"]),
    amount: numberOf(row, "amount"),
    balance_after: numberOf(row, "balance_after"),
    reference: textOf(row, "reference"),
    created_at: numberOf(row, "created_at"),
    key_id: optionalTextOf(row, "key_id"),
    model: optionalTextOf(row, "model"),
    tier: row["tier"] === null ? null : tierSchema.parse(row["tier"]),
    step_units: optionalNumberOf(row, "step_units"),
  };
}
