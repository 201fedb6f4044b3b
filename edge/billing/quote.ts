/** The most that a generation can cost, before anything runs. Pure. */
import type { GenerationParameters, NodeInput } from "#shared/contracts/node-wire.ts";
import {
  boundLengthPasses,
  boundPositions,
  boundSteps,
  chooseUnitPrice,
  toStepUnits,
} from "#shared/contracts/prices.ts";
import type { Tier } from "#shared/contracts/tier-names.ts";

/** A generation to be priced. */
export interface QuotedGeneration {
  readonly tier: Tier;
  readonly input: NodeInput;
  readonly parameters: GenerationParameters;
  /** Canvas positions that the model holds. */
  readonly maxLength: number;
}

/** The bound, in step units; a plan's discount is the account's matter. */
export interface Quote {
  readonly tier: Tier;
  readonly maxSteps: number;
  readonly maxStepUnits: number;
  /** Micro-dollars a step unit. */
  readonly listPrice: number;
}

/** Prices a generation at its most. */
export function quoteGeneration(generation: QuotedGeneration): Quote {
  const { tier, input, parameters, maxLength } = generation;
  const maxSteps = boundSteps(parameters);
  const passes = maxSteps + boundLengthPasses(input, maxSteps);
  const positions = boundPositions(input, parameters.max_tokens, maxLength);
  const maxStepUnits = toStepUnits(passes, positions, parameters);
  return { tier, maxSteps, maxStepUnits, listPrice: chooseUnitPrice(tier, parameters) };
}
