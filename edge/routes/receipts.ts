/** Receipts that nodes post, beside those in their streams. */
import { ApiError } from "#shared/contracts/errors.ts";
import { grantSchema, type PostedReceipt, receiptSchema } from "#shared/contracts/node-wire.ts";
import { verifyToken } from "#shared/contracts/signed-token.ts";
import { isAccountId } from "../accounts/api-key.ts";
import type { BodyContext } from "../environment.ts";
import { openAccounts } from "../open-accounts.ts";

/**
 * `POST /internal/receipts`: takes a receipt of a node, in the name of the edge's own grant. May be
 * repeated. It settles what its stream does not; one of an attempt that was given up changes nothing.
 * Whether the grant has expired is no matter: it says who pays, not who may work.
 *
 * @throws {ApiError} `invalid_grant` if either was not signed, or they are of two requests.
 */
export async function takeReceipt(context: BodyContext<PostedReceipt>): Promise<Response> {
  const { GRANT_SECRET } = context.env;
  const { grant: grantToken, signed_receipt: receiptToken } = context.var.body;
  const grant = grantSchema.safeParse(await verifyToken(grantToken, GRANT_SECRET));
  const receipt = receiptSchema.safeParse(await verifyToken(receiptToken, GRANT_SECRET));
  const accountId = grant.data?.bill_to ?? "";
  if (!grant.success || !receipt.success || !isAccountId(accountId)) {
    throw new ApiError("invalid_grant", "The grant or the receipt is not signed.");
  }
  const { request_id: requestId, step_units: stepUnits } = receipt.data;
  const { attempt } = grant.data;
  if (grant.data.request_id !== requestId) {
    throw new ApiError("invalid_grant", "The receipt is not that of the grant.");
  }
  const accounts = openAccounts(context.env);
  const notice = { stepUnits, attempt, cameBy: "post" as const };
  const settlement = await accounts.settle(accountId, requestId, notice, null);
  return context.json({ state: settlement?.state ?? "unknown" });
}
