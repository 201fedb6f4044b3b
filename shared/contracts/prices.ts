/**
 * What a generation costs, in whole micro-dollars, and the most that it can cost.
 *
 * A step unit is one forward pass of one canvas row of up to 256 positions; longer canvases count
 * `ceil(positions / 256)`, guidance doubles the rows. Pure; nothing here rounds money but
 * {@link toPlanPrice}, upwards.
 */
import { POSITIONS_PER_STEP_UNIT } from "./limits.ts";
import type { GenerationParameters, NodeInput } from "./node-wire.ts";
import { PLANS, type Plan } from "./plans.ts";
import type { Tier } from "./tier-names.ts";
import { EXACT_STEPS_TIER } from "./tiers.ts";

/** Price of one step unit, micro-dollars, before a plan's discount. */
export const STEP_UNIT_PRICES = {
  draft: 10,
  fast: 10,
  balanced: 20,
  quality: 20,
  max: 20,
} as const satisfies Record<Tier, number>;

/**
 * Price of a step unit of a generation, micro-dollars, before a plan's discount.
 *
 * A tier's lower price is that of passes over one block beside cached keys and values. A request of
 * such a tier that turns the cache off or asks for revision, whose passes are whole, pays the exact
 * tier's.
 */
export function chooseUnitPrice(
  tier: Tier,
  { cache, revision_steps: revisionSteps }: Pick<GenerationParameters, "cache" | "revision_steps">,
): number {
  const price = STEP_UNIT_PRICES[tier];
  const hasShortPasses = cache === "dual" && revisionSteps === 0;
  return hasShortPasses ? price : Math.max(price, STEP_UNIT_PRICES[EXACT_STEPS_TIER]);
}

/**
 * Tokens that a chat template may add around one message, and around all of them: role names and
 * separators. A longer template is caught by the model's own length, or costs the customer nothing.
 */
const TEMPLATE_TOKENS_PER_MESSAGE = 16;
const TEMPLATE_TOKENS = 16;

const encoder = new TextEncoder();

/** Price of a step unit for an account of `plan`, micro-dollars, rounded up. */
export function toPlanPrice(listPrice: number, plan: Plan): number {
  return Math.ceil((listPrice * (100 - PLANS[plan].discountPercent)) / 100);
}

/**
 * Canvas positions that a request takes at most.
 *
 * How many tokens a prompt has is known only where its tokenizer is, at the node. No byte-level
 * tokenizer makes more tokens than there are bytes, and no canvas is longer than the model's
 * `maxLength`: the smaller of the two bounds it without one.
 */
export function boundPositions(
  input: NodeInput,
  generationLength: number,
  maxLength: number,
): number {
  // How much the keys and punctuation of a schema take is known at the node, too.
  if (input.type === "json") return maxLength;
  return Math.min(maxLength, boundPromptTokens(input) + generationLength);
}

function boundPromptTokens(input: Exclude<NodeInput, { type: "json" }>): number {
  if (input.type === "text") return encoder.encode(input.text).length + TEMPLATE_TOKENS;
  if (input.type === "score") {
    const lengths = input.answers.map((answer) => encoder.encode(answer).length);
    return boundPromptTokens(input.prompt) + Math.max(...lengths);
  }
  if (input.type === "template") {
    return input.segments.reduce(
      (sum, segment) => sum + (segment.type === "text" ? encoder.encode(segment.text).length : 0),
      input.prompt === undefined ? TEMPLATE_TOKENS : boundPromptTokens(input.prompt),
    );
  }
  return input.messages.reduce(
    (sum, { content }) => sum + encoder.encode(content).length + TEMPLATE_TOKENS_PER_MESSAGE,
    TEMPLATE_TOKENS,
  );
}

/**
 * Denoising steps that a node runs at most, revision included.
 *
 * A node that chooses the steps itself runs at most one a token; so does one that goes by a
 * threshold, for each of its steps commits a token.
 */
export function boundSteps(
  parameters: Pick<
    GenerationParameters,
    "max_tokens" | "steps" | "confidence_threshold" | "revision_steps"
  >,
): number {
  const { max_tokens: tokens, steps = tokens, revision_steps: revisionSteps } = parameters;
  const hasThreshold = parameters.confidence_threshold !== undefined;
  return (hasThreshold ? Math.min(steps, tokens) : steps) + revisionSteps;
}

/** Passes beside the denoising steps, at most: those that choose how long holes are. */
export function boundLengthPasses(input: NodeInput, maxSteps: number): number {
  const isOpen =
    input.type === "json" ||
    (input.type === "template" &&
      input.segments.some(
        (segment) => segment.type === "hole" && segment.min_length !== undefined,
      ));
  return isOpen ? maxSteps : 0;
}

/** Step units of `steps` denoising steps on a canvas of `positions`. */
export function toStepUnits(
  steps: number,
  positions: number,
  { cfg_scale: guidanceScale }: Pick<GenerationParameters, "cfg_scale">,
): number {
  const rows = guidanceScale > 0 ? 2 : 1;
  return steps * rows * Math.ceil(positions / POSITIONS_PER_STEP_UNIT);
}
