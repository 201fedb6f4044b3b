import { z } from "zod";
import { ledgerEntryKindSchema } from "./ledger.ts";
import { tierSchema } from "./tier-names.ts";

/** One movement of an account's money, on its way from the account to the usage tables. */
export const usageMessageSchema = z.strictObject({
  account_id: z.string(),
  /** With the account's id the identity of the message: however often it comes, it counts once. */
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
export type UsageMessage = z.infer<typeof usageMessageSchema>;
