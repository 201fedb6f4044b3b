/**
 * An account's ledger as its owner reads it, and the check that nobody has rewritten it.
 *
 * Each entry's hash covers the entry and the hash before it; the first one covers the account's id.
 * Owns: entries and their chain. Does not own: holds, which move no money (edge/accounts).
 */
import { z } from "zod";
import { sha256Hex } from "./sha-256.ts";

/** Money in from the operator or a payment, money out for executed steps. */
export const ledgerEntryKindSchema = z.enum(["credit", "top_up", "charge"]);
export type LedgerEntryKind = z.infer<typeof ledgerEntryKindSchema>;

/** One movement of money. Amounts are whole micro-dollars. */
export const ledgerEntrySchema = z.strictObject({
  /** Counts from 1 without a gap. */
  sequence: z.int().min(1),
  object: z.literal("ledger_entry"),
  kind: ledgerEntryKindSchema,
  /** Above 0 for money in, below 0 for money out. */
  amount: z.int(),
  balance_after: z.int().min(0),
  /** What it is for: a generation's id, a payment's, the operator's own. Unique within its kind. */
  reference: z.string(),
  created_at: z.iso.datetime(),
  /** SHA-256, hex. */
  previous_hash: z.string(),
  hash: z.string(),
});
export type LedgerEntry = z.infer<typeof ledgerEntrySchema>;

/** What the first entry's `previous_hash` is. */
export function toGenesisHash(accountId: string): string {
  return sha256Hex(accountId);
}

/** The hash that `entry` must have. */
export function hashLedgerEntry(entry: Omit<LedgerEntry, "hash" | "object">): string {
  const { sequence, kind, amount, balance_after, reference, created_at, previous_hash } = entry;
  return sha256Hex(
    JSON.stringify([
      previous_hash,
      sequence,
      kind,
      amount,
      balance_after,
      reference,
      Date.parse(created_at),
    ]),
  );
}

/**
 * Checks consecutive entries: sequence, hashes, balances.
 *
 * @param before The entry before the first of `entries`, or the account's id when there is none.
 * @returns The sequence of the first entry that does not hold, or `null` when all do.
 */
export function findBrokenEntry(
  entries: readonly LedgerEntry[],
  before: LedgerEntry | string,
): number | null {
  let previous =
    typeof before === "string"
      ? { sequence: 0, balance_after: 0, hash: toGenesisHash(before) }
      : before;
  for (const entry of entries) {
    const isNext = entry.sequence === previous.sequence + 1;
    const isLinked = entry.previous_hash === previous.hash && entry.hash === hashLedgerEntry(entry);
    const isSum = entry.balance_after === previous.balance_after + entry.amount;
    if (!isNext || !isLinked || !isSum) return entry.sequence;
    previous = entry;
  }
  return null;
}
