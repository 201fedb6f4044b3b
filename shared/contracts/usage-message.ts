import { z } from "zod";
import { ledgerEntryKindSchema } from "./ledger.ts";
import { tierSchema } from "./tier-names.ts";

/** Entries of one message at most: well under what a queue takes at once. */
export const MAX_MESSAGE_ENTRIES = 100;

/** One movement of an account's money, as the usage table has it. */
export const usageEntrySchema = z.strictObject({
  account_id: z.string(),
  /** With the account's id the identity of the entry: however often it comes, it counts once. */
  sequence: z.int(),
  kind: ledgerEntryKindSchema,
  amount: z.int(),
  balance_after: z.int(),
  reference: z.string(),
  /** Epoch milliseconds. */
  created_at: z.int(),
  /** Of a charge; `null` for money in. */
  key_id: z.string().nullable(),
  model: z.string().nullable(),
  tier: tierSchema.nullable(),
  step_units: z.int().nullable(),
});
export type UsageEntry = z.infer<typeof usageEntrySchema>;

/** Entries on their way from their account to the usage table, oldest first. */
export const usageMessageSchema = z.array(usageEntrySchema).min(1).max(MAX_MESSAGE_ENTRIES);
export type UsageMessage = z.infer<typeof usageMessageSchema>;
