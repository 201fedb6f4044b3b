/** Whether an account's entries and their rows in the table for reports are the same. */
import { z } from "zod";

/** Entries that are compared as one. */
export const BLOCK_LENGTH = 1_000;

/** How many there are in a block, and what they come to. */
export interface BlockSum {
  /** From 0; its first sequence is one more than `block` times {@link BLOCK_LENGTH}. */
  readonly block: number;
  readonly count: number;
  /** Micro-dollars. */
  readonly amount: number;
}

/** Body of `POST /v1/accounts/{id}/reconciliation`. */
export const reconciliationRequestSchema = z.strictObject({
  /** True sends entries of blocks that differ to the table again; what is there already stays as it is. */
  repair: z.boolean().default(false),
});
export type ReconciliationRequest = z.infer<typeof reconciliationRequestSchema>;

/** Its answer. */
export const reconciliationSchema = z.strictObject({
  object: z.literal("reconciliation"),
  account_id: z.string(),
  /** In the account, which is the truth. */
  entries: z.int(),
  /** In the table. */
  rows: z.int(),
  /** True while entries are on their way: differences may be gone by themselves then. */
  is_waiting: z.boolean(),
  differences: z.array(
    z.strictObject({
      first_sequence: z.int(),
      last_sequence: z.int(),
      entries: z.int(),
      rows: z.int(),
      /** Micro-dollars. */
      entries_amount: z.int(),
      rows_amount: z.int(),
    }),
  ),
  /** True if they were sent again. */
  is_resent: z.boolean(),
});
export type Reconciliation = z.infer<typeof reconciliationSchema>;
