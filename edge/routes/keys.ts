/** An account's keys, managed by a management key of the same account. */
import {
  type ApiKey,
  type ApiKeyList,
  type CreatedApiKey,
  type CreateKeyRequest,
  listKeysQuerySchema,
  type RotateKeyRequest,
  type UpdateKeyRequest,
} from "#shared/contracts/accounts.ts";
import { ApiError } from "#shared/contracts/errors.ts";
import { parseParameters } from "#shared/contracts/parse-parameters.ts";
import type { KeyChanges, KeyRecord } from "../accounts/account-store.ts";
import type { AppContext, BodyContext } from "../environment.ts";
import { openAccounts } from "../open-accounts.ts";
import { issueKey, issueSuccessor } from "./issue-key.ts";

/**
 * `POST /v1/keys`.
 *
 * @throws {ApiError} `invalid_parameter` if the key would be expired at once.
 */
export async function createKey(context: BodyContext<CreateKeyRequest>): Promise<Response> {
  const { accountId } = context.var.caller;
  const { name, scope, expires_at, models, tiers, ...limits } = context.var.body;
  const wish = {
    name: name ?? null,
    scope,
    expiresAt: readExpiry(expires_at ?? null, context.var.platform.now()),
    spendingLimit: limits.spending_limit ?? null,
    concurrencyLimit: limits.concurrency_limit ?? null,
    models: models ?? null,
    tiers: tiers ?? null,
  };
  const { key, record } = await issueKey(context, accountId, wish);
  await openAccounts(context.env).createKey(accountId, record);
  const answer: CreatedApiKey = { ...toApiKey({ ...record, spent: 0, held: 0 }), key };
  return context.json(answer, 201);
}

/** `GET /v1/keys`: oldest first, revoked ones too. */
export async function listKeys(context: AppContext): Promise<Response> {
  const { after, limit } = parseParameters(listKeysQuerySchema, context.req.query());
  const accounts = openAccounts(context.env);
  // One more than asked for tells whether there are more.
  const keys = await accounts.listKeys(context.var.caller.accountId, after ?? null, limit + 1);
  const data = keys.slice(0, limit).map(toApiKey);
  const list: ApiKeyList = {
    object: "list",
    data,
    first_id: data.at(0)?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: keys.length > limit,
  };
  return context.json(list);
}

/**
 * `POST /v1/keys/{id}/rotate`: a new key with the old one's name, scope, bounds and budget; both work
 * for a while.
 *
 * @throws {ApiError} `not_found`.
 */
export async function rotateKey(context: BodyContext<RotateKeyRequest>): Promise<Response> {
  const { accountId } = context.var.caller;
  const { key, successor } = await issueSuccessor(context, accountId);
  const overlapMs = context.var.body.overlap_seconds * 1_000;
  const keyId = context.req.param("id") ?? "";
  const accounts = openAccounts(context.env);
  const record = await accounts.rotateKey(accountId, keyId, successor, overlapMs);
  const answer: CreatedApiKey = { ...toApiKey(record), key };
  return context.json(answer, 201);
}

/**
 * `PATCH /v1/keys/{id}`: holds from the next request on, of this key alone: one that it follows keeps its
 * own bounds until their overlap is over.
 *
 * @throws {ApiError} `not_found`; `invalid_parameter` if the key would be expired at once.
 */
export async function updateKey(context: BodyContext<UpdateKeyRequest>): Promise<Response> {
  const { caller, body, platform } = context.var;
  const keyId = context.req.param("id") ?? "";
  const changes = toChanges(body, platform.now());
  const record = await openAccounts(context.env).updateKey(caller.accountId, keyId, changes);
  return context.json(toApiKey(record));
}

/**
 * `DELETE /v1/keys/{id}`: refused from the next request on; may be repeated.
 *
 * @throws {ApiError} `not_found`.
 */
export async function revokeKey(context: AppContext): Promise<Response> {
  const { accountId } = context.var.caller;
  const keyId = context.req.param("id") ?? "";
  return context.json(toApiKey(await openAccounts(context.env).revokeKey(accountId, keyId)));
}

function toChanges(body: UpdateKeyRequest, nowMs: number): KeyChanges {
  const { name, expires_at, spending_limit, concurrency_limit, models, tiers } = body;
  return {
    ...(name !== undefined && { name }),
    ...(expires_at !== undefined && { expiresAt: readExpiry(expires_at, nowMs) }),
    ...(spending_limit !== undefined && { spendingLimit: spending_limit }),
    ...(concurrency_limit !== undefined && { concurrencyLimit: concurrency_limit }),
    ...(models !== undefined && { models }),
    ...(tiers !== undefined && { tiers }),
  };
}

function readExpiry(expiresAt: string | null, nowMs: number): number | null {
  if (expiresAt === null) return null;
  const at = Date.parse(expiresAt);
  if (at > nowMs) return at;
  throw new ApiError("invalid_parameter", "Invalid 'expires_at': it is past.", {
    param: "expires_at",
  });
}

function toApiKey(key: KeyRecord): ApiKey {
  return {
    id: key.keyId,
    object: "api_key",
    name: key.name,
    scope: key.scope,
    last_four: key.lastFour,
    created_at: new Date(key.createdAt).toISOString(),
    expires_at: toTime(key.expiresAt),
    revoked_at: toTime(key.revokedAt),
    spending_limit: key.spendingLimit,
    concurrency_limit: key.concurrencyLimit,
    spent: key.spent,
    held: key.held,
    models: key.models === null ? null : [...key.models],
    tiers: key.tiers === null ? null : [...key.tiers],
  };
}

function toTime(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}
