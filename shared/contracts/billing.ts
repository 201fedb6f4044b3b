/** What an account is told of prices, of its money and of what it used. Whole micro-dollars. */
import { z } from "zod";
import { ledgerEntrySchema } from "./ledger.ts";
import { cacheSchema } from "./node-wire.ts";
import { tierSchema } from "./tier-names.ts";

/** Payments are in cents, all else in micro-dollars. */
export const MICRO_DOLLARS_PER_CENT = 10_000;

/** A tier, at the account's price. */
export const pricedTierSchema = z.strictObject({
  id: tierSchema,
  object: z.literal("tier"),
  /** New tokens for each denoising step; under a threshold it may take fewer steps. */
  tokens_per_step: z.int(),
  /** `null` is LLaDA's schedule: so many tokens a step. */
  confidence_threshold: z.number().nullable(),
  cache: cacheSchema,
  /** Positions denoised before the next block begins, at most; `null`: the node's choice, near 32. */
  block_length: z.int().nullable(),
  early_exit: z.boolean(),
  /** Most steps of revision after the others, for each new token. */
  revision_steps_per_token: z.int(),
  /** Micro-dollars a step unit. */
  unit_price: z.int(),
  is_default: z.boolean(),
});

/** Answer of `GET /v1/tiers`. */
export const tierListSchema = z.strictObject({
  object: z.literal("list"),
  data: z.array(pricedTierSchema),
});
export type TierList = z.infer<typeof tierListSchema>;

/** Body of `POST /v1/quote`: that of any endpoint that runs on a node, which its own schema checks. */
export const quoteRequestSchema = z.record(z.string(), z.unknown());

/** Answer of `POST /v1/quote`: what the request that was sent would be held for. */
export const quoteSchema = z.strictObject({
  object: z.literal("quote"),
  model: z.string(),
  /** The tier that the request names, or each there is. */
  data: z.array(
    z.strictObject({
      tier: tierSchema,
      max_steps: z.int(),
      max_step_units: z.int(),
      unit_price: z.int(),
      /** The charge never exceeds it. */
      max_cost: z.int(),
    }),
  ),
});
export type QuoteAnswer = z.infer<typeof quoteSchema>;

/** Query of `GET /v1/ledger`. */
export const ledgerQuerySchema = z.strictObject({
  /** Sequence of the last entry already seen; older ones follow. */
  after: z.coerce.number().int().min(1).optional(),
  limit: z.coerce.number().int().min(1).max(100).default(20),
});

/** Answer of `GET /v1/ledger`, newest first. */
export const ledgerPageSchema = z.strictObject({
  object: z.literal("list"),
  account_id: z.string(),
  balance: z.int(),
  held: z.int(),
  data: z.array(ledgerEntrySchema),
  first_id: z.int().nullable(),
  last_id: z.int().nullable(),
  has_more: z.boolean(),
});
export type LedgerPage = z.infer<typeof ledgerPageSchema>;

/** Names a line of usage: its day, tier, key (empty where none was noted) and model. */
export const usageLineIdSchema = z
  .string()
  .max(512)
  .regex(/^\d{4}-\d{2}-\d{2}\/[a-z]+\/\w*\/.+$/);

/** Query of `GET /v1/usage`. */
export const usageQuerySchema = z.strictObject({
  days: z.coerce.number().int().min(1).max(366).default(30),
  /** `last_id` of the page before. */
  after: usageLineIdSchema.optional(),
  limit: z.coerce.number().int().min(1).max(1_000).default(1_000),
});

/** What was executed on one UTC day on one model in one tier by one key. */
export const usageLineSchema = z.strictObject({
  date: z.iso.date(),
  model: z.string(),
  tier: tierSchema,
  /** Keys that follow one another have a line each; `null` before keys were noted. */
  key_id: z.string().nullable(),
  requests: z.int(),
  step_units: z.int(),
  cost: z.int(),
});
export type UsageLine = z.infer<typeof usageLineSchema>;

/** Answer of `GET /v1/usage`, newest day first. */
export const usageReportSchema = z.strictObject({
  object: z.literal("usage"),
  balance: z.int(),
  held: z.int(),
  data: z.array(usageLineSchema),
  last_id: usageLineIdSchema.nullable(),
  has_more: z.boolean(),
});
export type UsageReport = z.infer<typeof usageReportSchema>;
