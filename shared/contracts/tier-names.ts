import { z } from "zod";

/** A tier's name, from the fewest steps to the most. */
export const tierSchema = z.enum(["draft", "fast", "balanced", "quality", "max"]);
export type Tier = z.infer<typeof tierSchema>;
