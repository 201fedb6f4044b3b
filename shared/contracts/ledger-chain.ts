/**
 * The chain of a ledger's hashes: computed where entries are written, and again by whoever doubts them.
 *
 * Apart from the schemas, so that a page in a browser checks a ledger without loading them.
 */
import type { LedgerEntry } from "./ledger.ts";
import { sha256Hex } from "./sha-256.ts";

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
