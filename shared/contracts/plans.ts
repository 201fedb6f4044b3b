/** What an account may do at once, and what it saves on each step unit. */
import { z } from "zod";
import { MAX_BODY_BYTES, MAX_PROMPT_CHARACTERS } from "./limits.ts";

export const planSchema = z.enum(["free", "build", "scale"]);
export type Plan = z.infer<typeof planSchema>;

/** A plan's limits. */
export interface PlanRule {
  readonly requestsPerMinute: number;
  /** Counted when a request is admitted, at its most; what was not executed is given back. */
  readonly stepUnitsPerMinute: number;
  /** Generations that run or wait at once. */
  readonly maxConcurrency: number;
  readonly maxBodyBytes: number;
  /** Of the whole prompt, UTF-16 code units. */
  readonly maxPromptCharacters: number;
  /** Off the price of a step unit, percent. */
  readonly discountPercent: number;
}

export const PLANS = {
  free: {
    requestsPerMinute: 60,
    stepUnitsPerMinute: 20_000,
    maxConcurrency: 4,
    maxBodyBytes: 64 * 1024,
    maxPromptCharacters: 20_000,
    discountPercent: 0,
  },
  build: {
    requestsPerMinute: 600,
    stepUnitsPerMinute: 400_000,
    maxConcurrency: 32,
    maxBodyBytes: MAX_BODY_BYTES,
    maxPromptCharacters: MAX_PROMPT_CHARACTERS,
    discountPercent: 10,
  },
  scale: {
    requestsPerMinute: 60_000,
    stepUnitsPerMinute: 40_000_000,
    maxConcurrency: 1_000,
    maxBodyBytes: MAX_BODY_BYTES,
    maxPromptCharacters: MAX_PROMPT_CHARACTERS,
    discountPercent: 20,
  },
} as const satisfies Record<Plan, PlanRule>;
