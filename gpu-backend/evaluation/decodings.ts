import type { GenerationParameters } from "#shared/contracts/node-wire.ts";
import { chooseUnitPrice } from "#shared/contracts/prices.ts";
import { toGenerationParameters } from "#shared/contracts/public-api.ts";
import type { Tier } from "#shared/contracts/tier-names.ts";
import { EXACT_STEPS_TIER, fitBlockLength, type TierRule } from "#shared/contracts/tiers.ts";
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
export type DecodingRule = Omit<TierRule, "revisionStepsPerToken">;

/** A tier as the contract has it. */
export function decodeByTier(tier: Tier): Decoding {
  return {
    name: tier,
    tier,
    parametersFor: (item) => toGenerationParameters(describe(item), tier, isOpen(item)),
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
        isOpen(item),
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
      const steps = Math.max(1, Math.floor(generationLength / rule.tokensPerStep));
      const blockLength = isOpen(item) ? fitBlockLength(rule, generationLength, steps) : null;
      return toGenerationParameters(
        {
          ...describe(item),
          steps,
          cache: rule.cache,
          early_exit: rule.earlyExit && isOpen(item),
          ...(rule.confidenceThreshold === null
            ? {}
            : { confidence_threshold: rule.confidenceThreshold }),
          ...(blockLength === null ? {} : { block_length: blockLength }),
        },
        EXACT_STEPS_TIER,
        isOpen(item),
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

function describe({ generationLength }: TaskItem) {
  return { max_tokens: generationLength };
}

/** False where the item's positions are a template's. */
function isOpen({ input }: TaskItem): boolean {
  return input.kind !== "template";
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
