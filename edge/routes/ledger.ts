/** What an account has and what it used; management keys only. */
import {
  type LedgerPage,
  ledgerQuerySchema,
  type UsageReport,
  usageQuerySchema,
} from "#shared/contracts/billing.ts";
import { parseParameters } from "#shared/contracts/parse-parameters.ts";
import { toUsageLineId } from "../accounts/usage-log.ts";
import type { AppContext } from "../environment.ts";
import { openAccounts } from "../open-accounts.ts";

/** `GET /v1/ledger`: entries newest first, with the hashes that chain them. */
export async function readLedger(context: AppContext): Promise<Response> {
  const { accountId } = context.var.caller;
  const { after, limit } = parseParameters(ledgerQuerySchema, context.req.query());
  const accounts = openAccounts(context.env);
  // One more than asked for tells whether there are more.
  const { purse, entries } = await accounts.readLedger(accountId, after ?? null, limit + 1);
  const data = entries.slice(0, limit);
  const page: LedgerPage = {
    object: "list",
    account_id: accountId,
    ...purse,
    data,
    first_id: data.at(0)?.sequence ?? null,
    last_id: data.at(-1)?.sequence ?? null,
    has_more: entries.length > limit,
  };
  return context.json(page);
}

/** `GET /v1/usage`: what was executed and charged, by day, model, tier and key. */
export async function readUsage(context: AppContext): Promise<Response> {
  const { accountId } = context.var.caller;
  const { days, after, limit } = parseParameters(usageQuerySchema, context.req.query());
  const accounts = openAccounts(context.env);
  // One more than asked for tells whether there are more.
  const page = { days, after: after ?? null, limit: limit + 1 };
  const { purse, lines } = await accounts.readUsage(accountId, page);
  const data = lines.slice(0, limit);
  const last = data.at(-1);
  const report: UsageReport = {
    object: "usage",
    ...purse,
    data,
    last_id: last === undefined ? null : toUsageLineId(last),
    has_more: lines.length > limit,
  };
  return context.json(report);
}
