import { ApiError } from "#shared/contracts/errors.ts";
import { isAccountId } from "../accounts/api-key.ts";
import { readTopUp } from "../billing/read-top-up.ts";
import type { AppContext } from "../environment.ts";
import { openAccounts } from "../open-accounts.ts";

/**
 * `POST /internal/stripe-events`: Stripe's webhook. A paid Checkout session tops its account up, once
 * for each event however often Stripe sends it.
 *
 * @throws {ApiError} `not_found` where no webhook secret is set, and for an account that is not there;
 *   `invalid_signature`.
 */
export async function takeStripeEvent(context: AppContext): Promise<Response> {
  const secret = context.env.STRIPE_WEBHOOK_SECRET;
  if (!secret) throw new ApiError("not_found", "Payments are not set up here.");
  const signature = context.req.header("stripe-signature") ?? "";
  const topUp = await readTopUp(context.var.bodyText, signature, secret);
  if (topUp === null) return context.json({ received: true });
  const { accountId, amount, eventId: reference } = topUp;
  if (!isAccountId(accountId)) throw new ApiError("not_found", "There is no account of this id.");
  await openAccounts(context.env).credit(accountId, { kind: "top_up", amount, reference });
  return context.json({ received: true });
}
