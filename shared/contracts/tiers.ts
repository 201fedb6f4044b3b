/**
 * Named points on the latency and quality curve, and how each is decoded.
 *
 * Owns: the one table of tiers. Does not own: what a step unit costs (prices.ts), the request's own
 * fields, which go before a tier's (public-api.ts).
 */
import type { Cache } from "./node-wire.ts";
import type { Tier } from "./tier-names.ts";

/** How a tier is decoded. */
export interface TierRule {
  /**
   * New tokens for each denoising step: `G` tokens get `G / tokensPerStep` steps, under a threshold at
   * most.
   */
  readonly tokensPerStep: number;
  /**
   * Each step commits what the network is at least so sure of, in [0, 1]; `null` is LLaDA's schedule.
   * Not used under random remasking, which draws its confidences.
   */
  readonly confidenceThreshold: number | null;
  readonly cache: Cache;
  /**
   * Positions denoised before the next block begins, at most; `null` leaves them to the node. Not beside a suffix,
   * a template or a JSON schema, whose text is known on both sides, nor named steps or a deadline.
   */
  readonly blockLength: number | null;
  /** Not beside a suffix, a template or a JSON schema. */
  readonly earlyExit: boolean;
  /** Revision steps for each new token, at most; none under random remasking. */
  readonly revisionStepsPerToken: number;
}

/** Fast-dLLM's published threshold. */
const THRESHOLD = 0.9;
/**
 * Of `balanced`. At 0.95 digits that depend on each other are committed at once: an earlier embedded model
 * lost 8 points of its sums, at 0.99 none, for half as many passes more.
 */
const CAREFUL_THRESHOLD = 0.99;
/**
 * Where text is written nearly in order, what follows a number is not written before it, at a distance that gives
 * it a wrong number of digits: the embedded model solves 95 % of its word problems in blocks of 8, 91 % in the
 * node's own of some 24. At four tokens a step 16 is better (88 %; 84 and 78), at eight the node's own.
 */
const SHORT_BLOCK_LENGTH = 8;

const exact: TierRule = {
  tokensPerStep: 1,
  confidenceThreshold: null,
  cache: "none",
  blockLength: SHORT_BLOCK_LENGTH,
  earlyExit: false,
  revisionStepsPerToken: 0,
};
const cached: TierRule = {
  ...exact,
  confidenceThreshold: THRESHOLD,
  cache: "dual",
  blockLength: null,
  earlyExit: true,
};

/** The table. */
export const TIERS: Readonly<Record<Tier, TierRule>> = {
  draft: { ...cached, tokensPerStep: 8 },
  fast: { ...cached, tokensPerStep: 4, blockLength: 16 },
  balanced: {
    ...cached,
    tokensPerStep: 2,
    confidenceThreshold: CAREFUL_THRESHOLD,
    cache: "prefix",
    blockLength: SHORT_BLOCK_LENGTH,
    earlyExit: false,
  },
  quality: exact,
  max: { ...exact, revisionStepsPerToken: 1 },
};

/** The tier of a request that names neither a tier nor steps. */
export const DEFAULT_TIER: Tier = "balanced";
/** A request that names its steps is decoded exactly, and pays what this tier pays a step unit. */
export const EXACT_STEPS_TIER: Tier = "quality";

/**
 * Denoising steps of a tier, revision not counted: rounded down, at least one, and at least one a
 * block.
 *
 * @param blockLength As the request names it; a tier's own, or a node's, is made to fit.
 */
export function tierSteps(tier: Tier, generationLength: number, blockLength?: number): number {
  const blockCount = Math.ceil(generationLength / (blockLength ?? generationLength));
  return Math.max(1, Math.floor(generationLength / TIERS[tier].tokensPerStep), blockCount);
}

/**
 * A rule's block length for `generationLength` tokens in so many steps: the largest divisor up to it that leaves
 * each block a step; `null` where there is none or the rule has none.
 */
export function fitBlockLength(
  { blockLength }: Pick<TierRule, "blockLength">,
  generationLength: number,
  steps: number,
): number | null {
  for (let length = blockLength ?? 0; length > 0; length -= 1) {
    if (generationLength % length === 0 && generationLength / length <= steps) return length;
  }
  return null;
}
