/** The operator's door: opening accounts. */
import type { CreateAccountRequest, CreatedAccount } from "#shared/contracts/accounts.ts";
import { createAccountId } from "../accounts/api-key.ts";
import type { BodyContext } from "../environment.ts";
import { openAccounts } from "../open-accounts.ts";
import { issueKey } from "./issue-key.ts";

/** `POST /v1/accounts`: an account and its first management key, which is told here only. */
export async function createAccount(context: BodyContext<CreateAccountRequest>): Promise<Response> {
  const { now, randomBytes } = context.var.platform;
  const accountId = createAccountId(randomBytes);
  const account = { accountId, name: context.var.body.name ?? null, createdAt: now() };
  const { key, record } = await issueKey(context, accountId, {
    name: null,
    scope: "management",
    expiresAt: null,
  });
  await openAccounts(context.env).createAccount(account, record);
  const answer: CreatedAccount = {
    id: accountId,
    object: "account",
    name: account.name,
    created_at: new Date(account.createdAt).toISOString(),
    management_key_id: record.keyId,
    management_key: key,
  };
  return context.json(answer, 201);
}
