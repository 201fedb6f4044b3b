import { ApiError } from "#shared/contracts/errors.ts";
import {
  BLOCK_LENGTH,
  type BlockSum,
  type Reconciliation,
  type ReconciliationRequest,
} from "#shared/contracts/reconciliation.ts";
import { isAccountId } from "../accounts/api-key.ts";
import { findDifferences, sumRows } from "../billing/reconcile.ts";
import type { BodyContext } from "../environment.ts";
import { openAccounts } from "../open-accounts.ts";

/**
 * `POST /v1/accounts/{id}/reconciliation`: compares the account's entries with the table for reports, and
 * sends again what differs where it is asked to and nothing is on its way.
 *
 * @throws {ApiError} `not_found`.
 */
export async function reconcileAccount(
  context: BodyContext<ReconciliationRequest>,
): Promise<Response> {
  const accountId = context.req.param("id") ?? "";
  if (!isAccountId(accountId)) throw new ApiError("not_found", "There is no account of this id.");
  const accounts = openAccounts(context.env);
  // The table first: what comes in between is in the account alone, and on its way.
  const rows = await sumRows(context.env.USAGE_DATABASE, accountId);
  const { blocks, isWaiting } = await accounts.sumEntries(accountId);
  const differences = findDifferences(blocks, rows);
  const isResent = context.var.body.repair && differences.length > 0 && !isWaiting;
  if (isResent) {
    const differing = differences.map(({ first_sequence: first }) => (first - 1) / BLOCK_LENGTH);
    await accounts.resendEntries(accountId, differing);
  }
  const answer: Reconciliation = {
    object: "reconciliation",
    account_id: accountId,
    entries: countAll(blocks),
    rows: countAll(rows),
    is_waiting: isWaiting,
    differences,
    is_resent: isResent,
  };
  return context.json(answer);
}

function countAll(sums: readonly BlockSum[]): number {
  return sums.reduce((total, { count }) => total + count, 0);
}
