import type { Cache, GenerationParameters } from "#shared/contracts/node-wire.ts";
import { chooseUnitPrice } from "#shared/contracts/prices.ts";
import { toGenerationParameters } from "#shared/contracts/public-api.ts";
import type { Tier } from "#shared/contracts/tier-names.ts";
import { EXACT_STEPS_TIER } from "#shared/contracts/tiers.ts";
import type { TaskItem } from "./tasks.ts";

/** A way of decoding, and what a step unit of it costs. */
export interface Decoding {
  /** As figures name it: `draft`, `steps_8`. */
  readonly name: string;
  readonly tier: Tier;
  /** As the edge would hand the request to a node. */
  parametersFor(item: TaskItem): GenerationParameters;
}

/** What a tier could be made of. */
export interface DecodingRule {
  readonly tokensPerStep: number;
  readonly confidenceThreshold: number | null;
  readonly cache: Cache;
  readonly earlyExit: boolean;
  /** Of requests at least so long; null for the node's choice. */
  readonly blockLength: number | null;
}

/** A tier as the contract has it. */
export function decodeByTier(tier: Tier): Decoding {
  return {
    name: tier,
    tier,
    parametersFor: (item) => toGenerationParameters(describe(item), tier),
  };
}

/** LLaDA's schedule with so many steps, at most one a token. */
export function decodeInSteps(steps: number): Decoding {
  return {
    name: `steps_${steps}`,
    tier: EXACT_STEPS_TIER,
    parametersFor: (item) =>
      toGenerationParameters(
        { ...describe(item), steps: Math.min(steps, item.generationLength) },
        EXACT_STEPS_TIER,
      ),
  };
}

/** A rule that a tier could have. */
export function decodeByRule(rule: DecodingRule): Decoding {
  return {
    name: nameRule(rule),
    tier: rule.cache === "dual" ? "draft" : EXACT_STEPS_TIER,
    parametersFor(item) {
      const { generationLength } = item;
      const blockLength = fitBlock(rule.blockLength, generationLength);
      const blockCount = blockLength === null ? 1 : generationLength / blockLength;
      const steps = Math.max(1, Math.floor(generationLength / rule.tokensPerStep), blockCount);
      return toGenerationParameters(
        {
          ...describe(item),
          steps,
          cache: rule.cache,
          early_exit: rule.earlyExit && item.input.kind !== "template",
          ...(rule.confidenceThreshold === null
            ? {}
            : { confidence_threshold: rule.confidenceThreshold }),
          ...(blockLength === null ? {} : { block_length: blockLength }),
        },
        EXACT_STEPS_TIER,
      );
    },
  };
}

/** Price of a generation, micro-dollars, before a plan's discount. */
export function priceOf(
  { tier }: Decoding,
  parameters: GenerationParameters,
  stepUnits: number,
): number {
  return stepUnits * chooseUnitPrice(tier, parameters);
}

function describe({ generationLength, input }: TaskItem) {
  // A template is as long as it is given, as in toInfillParameters().
  return {
    max_tokens: generationLength,
    ...(input.kind === "template" ? { early_exit: false } : {}),
  };
}

/** A block length that divides; null where the asked one does not. */
function fitBlock(blockLength: number | null, generationLength: number): number | null {
  return blockLength !== null && generationLength % blockLength === 0 ? blockLength : null;
}

function nameRule(rule: DecodingRule): string {
  const { tokensPerStep, confidenceThreshold, cache, earlyExit, blockLength } = rule;
  return [
    `1/${tokensPerStep}`,
    confidenceThreshold === null ? "schedule" : `threshold ${confidenceThreshold}`,
    blockLength === null ? "block auto" : `block ${blockLength}`,
    `cache ${cache}`,
    ...(earlyExit ? ["early exit"] : []),
  ].join(", ");
}
