/**
 * Payments that are about to be made: sessions of Stripe Checkout, where the customer pays.
 *
 * Owns: what Stripe is asked for, its failures as errors of ours. Does not own: the money, which comes
 * in by Stripe's own event (read-top-up.ts).
 */
import Stripe from "stripe";
import { MICRO_DOLLARS_PER_CENT } from "#shared/contracts/billing.ts";
import { ApiError } from "#shared/contracts/errors.ts";

/** Where Stripe is, and who we are there. */
export interface StripeAccess {
  readonly secretKey: string;
  /** Base URL of its API; Stripe's own when left out. */
  readonly apiUrl: string | undefined;
}

/** A payment to be made. */
export interface CheckoutOrder {
  readonly accountId: string;
  /** Micro-dollars, whole cents. */
  readonly amount: number;
  /** Where the customer comes back to. */
  readonly successUrl: string;
  readonly cancelUrl: string;
  /** The same one opens the same session; `null` opens a new one each time. */
  readonly idempotencyKey: string | null;
}

/** A session that waits for its payment. */
export interface CheckoutSession {
  readonly id: string;
  /** Where the customer pays. */
  readonly url: string;
  /** Epoch seconds. */
  readonly expiresAt: number;
}

/** Stripe is asked again once where it does not answer; it takes the same request as one. */
const MAX_RETRIES = 1;
const TIMEOUT_MS = 10_000;

/**
 * Opens a session of Stripe Checkout.
 *
 * @throws {ApiError} `invalid_parameter` where Stripe refuses an address; `payments_unavailable` where it
 *   cannot be reached, or refuses anything else.
 */
export async function openCheckout(
  access: StripeAccess,
  order: CheckoutOrder,
): Promise<CheckoutSession> {
  const { accountId, amount, idempotencyKey } = order;
  const cents = amount / MICRO_DOLLARS_PER_CENT;
  const product = { name: "Unmask credit" };
  const priced = { currency: "usd", unit_amount: cents, product_data: product };
  try {
    const session = await createClient(access).checkout.sessions.create(
      {
        mode: "payment",
        client_reference_id: accountId,
        success_url: order.successUrl,
        cancel_url: order.cancelUrl,
        line_items: [{ quantity: 1, price_data: priced }],
      },
      // Another account's key must not open this one's session.
      idempotencyKey === null ? {} : { idempotencyKey: `${accountId}:${idempotencyKey}` },
    );
    if (session.url === null) throw new Error("The session has no address.");
    return { id: session.id, url: session.url, expiresAt: session.expires_at };
  } catch (cause) {
    throw toError(cause);
  }
}

function createClient({ secretKey, apiUrl }: StripeAccess): Stripe {
  const common = {
    httpClient: Stripe.createFetchHttpClient(),
    maxNetworkRetries: MAX_RETRIES,
    timeout: TIMEOUT_MS,
    telemetry: false,
  };
  if (apiUrl === undefined) return new Stripe(secretKey, common);
  const { protocol, hostname, port } = new URL(apiUrl);
  const isPlain = protocol === "http:";
  return new Stripe(secretKey, {
    ...common,
    host: hostname,
    port: port || (isPlain ? "80" : "443"),
    protocol: isPlain ? "http" : "https",
  });
}

function toError(cause: unknown): ApiError {
  const param = cause instanceof Stripe.errors.StripeInvalidRequestError ? cause.param : undefined;
  if (param === "success_url" || param === "cancel_url") {
    return new ApiError("invalid_parameter", `Invalid '${param}': Stripe does not take it.`, {
      param,
    });
  }
  return new ApiError("payments_unavailable", "The payment could not be opened.", { cause });
}
