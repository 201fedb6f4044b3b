import { ApiError } from "#shared/contracts/errors.ts";
import type { TopUpRequest, TopUpSession } from "#shared/contracts/top-ups.ts";
import { openCheckout } from "../billing/open-checkout.ts";
import type { BodyContext } from "../environment.ts";
import { readIdempotencyKey } from "./read-claim.ts";

/**
 * `POST /v1/top-ups`: opens a session of Stripe Checkout. The money comes in once it is paid, by Stripe's
 * own event.
 *
 * @throws {ApiError} `not_found` where no Stripe key is set; `invalid_parameter`, `payments_unavailable`.
 */
export async function createTopUp(context: BodyContext<TopUpRequest>): Promise<Response> {
  const { STRIPE_SECRET_KEY: secretKey, STRIPE_API_URL: apiUrl } = context.env;
  if (!secretKey) throw new ApiError("not_found", "Payments are not set up here.");
  const { body, caller } = context.var;
  const session = await openCheckout(
    { secretKey, apiUrl },
    {
      accountId: caller.accountId,
      amount: body.amount,
      successUrl: body.success_url,
      cancelUrl: body.cancel_url,
      idempotencyKey: readIdempotencyKey(context.req.raw.headers),
    },
  );
  const answer: TopUpSession = {
    id: session.id,
    object: "top_up",
    amount: body.amount,
    url: session.url,
    expires_at: new Date(session.expiresAt * 1_000).toISOString(),
  };
  return context.json(answer, 201);
}
