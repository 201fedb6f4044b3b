/** `POST /v1/top-ups`: a payment to be made at Stripe Checkout. */
import { z } from "zod";
import { MICRO_DOLLARS_PER_CENT } from "./billing.ts";

/** Where a customer comes back to; plain http on the own machine only. */
const returnUrlSchema = z
  .string()
  .max(2_048)
  .refine((text) => isReturnUrl(text), "is an https address without credentials");

/** Body of `POST /v1/top-ups`. */
export const topUpRequestSchema = z.strictObject({
  /** Micro-dollars: 5 to 10,000 dollars, whole cents. */
  amount: z.int().min(5_000_000).max(10_000_000_000).multipleOf(MICRO_DOLLARS_PER_CENT),
  success_url: returnUrlSchema,
  cancel_url: returnUrlSchema,
});
export type TopUpRequest = z.infer<typeof topUpRequestSchema>;

/** Its answer. */
export const topUpSessionSchema = z.strictObject({
  /** Stripe's. */
  id: z.string(),
  object: z.literal("top_up"),
  amount: z.int(),
  /** Where the customer pays. */
  url: z.string(),
  expires_at: z.iso.datetime(),
});
export type TopUpSession = z.infer<typeof topUpSessionSchema>;

function isReturnUrl(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || url.username !== "" || url.password !== "") return false;
  const isHere = url.hostname === "localhost" || url.hostname === "127.0.0.1";
  return url.protocol === "https:" || (url.protocol === "http:" && isHere);
}
