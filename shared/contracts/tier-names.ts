import { z } from "zod";

/** A tier's name, from the fewest steps to the most. */
export const tierSchema = z.enum(["draft", "fast", "balanced", "quality", "max"]);
export type Tier = z.infer<typeof tierSchema>;

/** What a request may name: a tier, or `auto` for the best that its deadline leaves time for. */
export const requestedTierSchema = z.enum([...tierSchema.options, "auto"]);
export type RequestedTier = z.infer<typeof requestedTierSchema>;
