/**
 * Named points on the latency and quality curve, and how each is decoded.
 *
 * Owns: the one table of tiers. Does not own: what a step unit costs (prices.ts).
 */
import { z } from "zod";

/** A tier's name, from the fewest steps to the most. */
export const tierSchema = z.enum(["draft", "fast", "balanced", "quality"]);
export type Tier = z.infer<typeof tierSchema>;

/** How a tier is decoded. */
export interface TierRule {
  /** New tokens for each denoising step: `G` tokens get `G / tokensPerStep` steps. */
  readonly tokensPerStep: number;
  /** Node's decoder; `schedule` is LLaDA's: so many commits a step, no cache. */
  readonly decoding: "schedule";
}

/** The table. A decoder that a node learns is named here, and nowhere else. */
export const TIERS = {
  draft: { tokensPerStep: 8, decoding: "schedule" },
  fast: { tokensPerStep: 4, decoding: "schedule" },
  balanced: { tokensPerStep: 2, decoding: "schedule" },
  quality: { tokensPerStep: 1, decoding: "schedule" },
} as const satisfies Record<Tier, TierRule>;

/** The tier of a request that names neither a tier nor steps. */
export const DEFAULT_TIER: Tier = "balanced";
/** A request that names its steps is decoded exactly, and pays what this tier pays a step unit. */
export const EXACT_STEPS_TIER: Tier = "quality";

/**
 * Denoising steps of a tier: rounded down, at least one, and at least one a block.
 *
 * @param blockLength As the request names it; a node that chooses one itself makes it fit.
 */
export function tierSteps(tier: Tier, generationLength: number, blockLength?: number): number {
  const blockCount = Math.ceil(generationLength / (blockLength ?? generationLength));
  return Math.max(1, Math.floor(generationLength / TIERS[tier].tokensPerStep), blockCount);
}
