/**
 * Accounts and their keys, as the public API speaks of them.
 *
 * `POST /v1/accounts` takes the operator's secret; `/v1/keys` takes a management key.
 */
import { z } from "zod";
import { planSchema } from "./plans.ts";
import { tierSchema } from "./tier-names.ts";

/** What a key may do: run generations, or manage the account's keys. Never both. */
const keyScopeSchema = z.enum(["inference", "management"]);
export type KeyScope = z.infer<typeof keyScopeSchema>;

/** Which keys a deployment issues and takes; part of every key. */
export const keyEnvironmentSchema = z.enum(["live", "test"]);
export type KeyEnvironment = z.infer<typeof keyEnvironmentSchema>;

/** A label for people. */
const nameSchema = z.string().trim().min(1).max(100);

/** Most that one credit puts in, micro-dollars: a million dollars, far below what loses precision. */
const MAX_CREDIT = 1_000_000_000_000;

const creditAmountSchema = z.int().min(1).max(MAX_CREDIT);

/** Body of `POST /v1/accounts`. */
export const createAccountRequestSchema = z.strictObject({
  name: nameSchema.nullish(),
  plan: planSchema.default("free"),
  /** What the account starts with, micro-dollars; nothing when left out. */
  credit: creditAmountSchema.nullish(),
});
export type CreateAccountRequest = z.infer<typeof createAccountRequestSchema>;

/** Body of `POST /v1/accounts/{id}/credits`. */
export const createCreditRequestSchema = z.strictObject({
  /** Micro-dollars. */
  amount: creditAmountSchema,
  /** The same key puts the money in once. */
  idempotency_key: z.string().min(1).max(255),
});
export type CreateCreditRequest = z.infer<typeof createCreditRequestSchema>;

/** No plan has as many. */
const MAX_CONCURRENCY_LIMIT = 10_000;

/** Body of `POST /v1/keys`. */
export const createKeyRequestSchema = z.strictObject({
  name: nameSchema.nullish(),
  scope: keyScopeSchema.default("inference"),
  /** RFC 3339, in the future; a key without it does not expire. */
  expires_at: z.iso.datetime({ offset: true }).nullish(),
  /** Micro-dollars that the key may spend over its life; without it, all that the account has. */
  spending_limit: z.int().min(0).nullish(),
  /** Generations that the key may have running or waiting at once, within its plan's. */
  concurrency_limit: z.int().min(1).max(MAX_CONCURRENCY_LIMIT).nullish(),
  /** Ids of the models that it may use; without it, all of them. */
  models: z.array(z.string().min(1).max(200)).min(1).max(100).nullish(),
  /** The tiers that it may use; a request that names its steps counts as `quality`. */
  tiers: z.array(tierSchema).min(1).nullish(),
});
export type CreateKeyRequest = z.infer<typeof createKeyRequestSchema>;

/**
 * Body of `PATCH /v1/keys/{id}`: what is left out stays as it is, and null takes a name, an expiry or a
 * bound away.
 */
export const updateKeyRequestSchema = createKeyRequestSchema.omit({ scope: true });
export type UpdateKeyRequest = z.infer<typeof updateKeyRequestSchema>;

/** Body of `POST /v1/keys/{id}/rotate`. */
export const rotateKeyRequestSchema = z.strictObject({
  /** How long the old key still works beside the new one, seconds; at most a week. */
  overlap_seconds: z
    .int()
    .min(0)
    .max(7 * 24 * 60 * 60)
    .default(24 * 60 * 60),
});
export type RotateKeyRequest = z.infer<typeof rotateKeyRequestSchema>;

/** Query of `GET /v1/keys`. */
export const listKeysQuerySchema = z.strictObject({
  /** Id of the last key already seen. */
  after: z.string().max(64).optional(),
  limit: z.coerce.number().int().min(1).max(100).default(20),
});

/** A key without its secret, which nobody can show again. */
export const apiKeySchema = z.strictObject({
  id: z.string(),
  object: z.literal("api_key"),
  name: z.string().nullable(),
  scope: keyScopeSchema,
  /** Last four characters of the key. */
  last_four: z.string(),
  created_at: z.iso.datetime(),
  expires_at: z.iso.datetime().nullable(),
  revoked_at: z.iso.datetime().nullable(),
  /** Micro-dollars. */
  spending_limit: z.int().nullable(),
  concurrency_limit: z.int().nullable(),
  spent: z.int(),
  held: z.int(),
  models: z.array(z.string()).nullable(),
  tiers: z.array(tierSchema).nullable(),
});
export type ApiKey = z.infer<typeof apiKeySchema>;

/** Answer of `POST /v1/keys`: the only time that the key itself is told. */
export const createdApiKeySchema = z.strictObject({ ...apiKeySchema.shape, key: z.string() });
export type CreatedApiKey = z.infer<typeof createdApiKeySchema>;

/** Answer of `POST /v1/accounts`. */
export const createdAccountSchema = z.strictObject({
  id: z.string(),
  object: z.literal("account"),
  name: z.string().nullable(),
  plan: planSchema,
  created_at: z.iso.datetime(),
  management_key_id: z.string(),
  /** The account's first key, of scope `management`: the only time that it is told. */
  management_key: z.string(),
});
export type CreatedAccount = z.infer<typeof createdAccountSchema>;

/** Answer of `GET /v1/keys`, oldest first. */
export const apiKeyListSchema = z.strictObject({
  object: z.literal("list"),
  data: z.array(apiKeySchema),
  first_id: z.string().nullable(),
  last_id: z.string().nullable(),
  has_more: z.boolean(),
});
export type ApiKeyList = z.infer<typeof apiKeyListSchema>;
