/** The operator's door: opening accounts, and putting money in. */
import type {
  CreateAccountRequest,
  CreateCreditRequest,
  CreatedAccount,
} from "#shared/contracts/accounts.ts";
import { ApiError } from "#shared/contracts/errors.ts";
import { createAccountId, isAccountId } from "../accounts/api-key.ts";
import type { BodyContext } from "../environment.ts";
import { openAccounts } from "../open-accounts.ts";
import { issueKey } from "./issue-key.ts";

/** `POST /v1/accounts`: an account and its first management key, which is told here only. */
export async function createAccount(context: BodyContext<CreateAccountRequest>): Promise<Response> {
  const { now, randomBytes } = context.var.platform;
  const accountId = createAccountId(randomBytes);
  const { name, plan, credit } = context.var.body;
  const account = { accountId, name: name ?? null, plan, createdAt: now() };
  const { key, record } = await issueKey(context, accountId, {
    name: null,
    scope: "management",
    expiresAt: null,
    spendingLimit: null,
    concurrencyLimit: null,
    models: null,
    tiers: null,
  });
  const start = credit ? { kind: "credit" as const, amount: credit, reference: "start" } : null;
  await openAccounts(context.env).createAccount(account, record, start);
  const answer: CreatedAccount = {
    id: accountId,
    object: "account",
    name: account.name,
    plan,
    created_at: new Date(account.createdAt).toISOString(),
    management_key_id: record.keyId,
    management_key: key,
  };
  return context.json(answer, 201);
}

/**
 * `POST /v1/accounts/{id}/credits`: once for each idempotency key, which answers the same entry.
 *
 * @throws {ApiError} `not_found`.
 */
export async function creditAccount(context: BodyContext<CreateCreditRequest>): Promise<Response> {
  const accountId = context.req.param("id") ?? "";
  if (!isAccountId(accountId)) throw new ApiError("not_found", "There is no account of this id.");
  const { amount, idempotency_key: reference } = context.var.body;
  const credit = { kind: "credit" as const, amount, reference };
  return context.json(await openAccounts(context.env).credit(accountId, credit), 201);
}
