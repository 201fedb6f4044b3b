/**
 * An account's ledger as its owner reads it, and the check that nobody has rewritten it.
 *
 * Each entry's hash covers the entry and the hash before it; the first one covers the account's id.
 * Owns: entries and their chain. Does not own: holds, which move no money (edge/accounts).
 */
import { z } from "zod";

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
