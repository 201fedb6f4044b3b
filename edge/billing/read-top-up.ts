/**
 * Payments by Stripe Checkout, as Stripe's own signed events tell of them.
 *
 * Owns: the signature, which events are money, how much. Does not own: putting it in (edge/accounts),
 * which takes each event once.
 */
import Stripe from "stripe";
import { z } from "zod";
import { MICRO_DOLLARS_PER_CENT } from "#shared/contracts/billing.ts";
import { ApiError } from "#shared/contracts/errors.ts";

/** Money that was paid for an account. */
export interface TopUp {
  /** Stripe's event: the same one puts the money in once. */
  readonly eventId: string;
  readonly accountId: string;
  /** Micro-dollars. */
  readonly amount: number;
}

/** A session is paid when it completes, or later where the method of payment takes its time. */
const PAID_EVENTS = ["checkout.session.completed", "checkout.session.async_payment_succeeded"];

/** The part of a Checkout session that is used here, as Stripe has it and no client. */
const paidSessionSchema = z.object({
  payment_status: z.literal("paid"),
  currency: z.literal("usd"),
  /** Cents. */
  amount_total: z.int().min(1),
  /** The account's id, given when the session was opened. */
  client_reference_id: z.string(),
});

/**
 * Reads an event.
 *
 * @param payload The body as it came, to the byte.
 * @returns `null` for an event that is no payment for an account.
 * @throws {ApiError} `invalid_signature` if Stripe has not signed it, or too long ago.
 */
export async function readTopUp(
  payload: string,
  signature: string,
  secret: string,
): Promise<TopUp | null> {
  const event = await verify(payload, signature, secret);
  if (!PAID_EVENTS.includes(event.type)) return null;
  const session = paidSessionSchema.safeParse(event.data.object);
  if (!session.success) return null;
  return {
    eventId: event.id,
    accountId: session.data.client_reference_id,
    amount: session.data.amount_total * MICRO_DOLLARS_PER_CENT,
  };
}

async function verify(payload: string, signature: string, secret: string): Promise<Stripe.Event> {
  try {
    const crypto = Stripe.createSubtleCryptoProvider();
    return await Stripe.webhooks.constructEventAsync(payload, signature, secret, undefined, crypto);
  } catch (cause) {
    throw new ApiError("invalid_signature", "The event is not signed by Stripe.", { cause });
  }
}
