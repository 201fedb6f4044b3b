/** What things cost, before anything runs. */
import type { QuoteAnswer, TierList } from "#shared/contracts/billing.ts";
import {
  generationRequestSchema,
  toGenerationInput,
  toNativeParameters,
} from "#shared/contracts/generations.ts";
import { toNodeInput } from "#shared/contracts/node-input.ts";
import { STEP_UNIT_PRICES, toPlanPrice } from "#shared/contracts/prices.ts";
import {
  chatCompletionRequestSchema,
  completionRequestSchema,
  toGenerationParameters,
  toTier,
} from "#shared/contracts/public-api.ts";
import { scoreRequestSchema, toScoreInput, toScoreParameters } from "#shared/contracts/score.ts";
import { type RequestedTier, type Tier, tierSchema } from "#shared/contracts/tier-names.ts";
import { DEFAULT_TIER, EXACT_STEPS_TIER, TIERS } from "#shared/contracts/tiers.ts";
import { quoteGeneration } from "../billing/quote.ts";
import type { AppContext, BodyContext } from "../environment.ts";
import { checkBody } from "../middleware/check-body.ts";
import type { GenerationWish } from "./hold-price.ts";
import { poolOf } from "./pool-of.ts";

/** `GET /v1/tiers`: the table, at the account's price. */
export function listTiers(context: AppContext): Response {
  const { plan } = context.var.caller;
  const data = tierSchema.options.map((id) => {
    const rule = TIERS[id];
    return {
      id,
      object: "tier" as const,
      tokens_per_step: rule.tokensPerStep,
      confidence_threshold: rule.confidenceThreshold,
      cache: rule.cache,
      block_length: rule.blockLength,
      early_exit: rule.earlyExit,
      revision_steps_per_token: rule.revisionStepsPerToken,
      unit_price: toPlanPrice(STEP_UNIT_PRICES[id], plan),
      is_default: id === DEFAULT_TIER,
    };
  });
  const list: TierList = { object: "list", data };
  return context.json(list);
}

/**
 * `POST /v1/quote`: takes the body of any endpoint that runs on a node and tells what it would be held
 * for: in the tier that it names, or in each that it may be.
 *
 * @throws {ApiError} what the endpoint itself says of the body; `model_not_found`, `no_ready_node`.
 */
export async function quote(context: BodyContext<Record<string, unknown>>): Promise<Response> {
  const { body, caller, platform } = context.var;
  const wish = readWish(body);
  const name = wish.model === "default" ? null : (wish.model ?? null);
  const model = await platform.nodes.findModel(poolOf(context), name);
  const tiers: readonly Tier[] = wish.tier === "auto" ? tierSchema.options : [wish.tier];
  const answer: QuoteAnswer = {
    object: "quote",
    model: model.id,
    data: tiers.map((tier) => {
      const { maxSteps, maxStepUnits, listPrice } = quoteGeneration({
        tier,
        input: wish.input,
        parameters: wish.toParameters(tier),
        maxLength: model.max_length,
      });
      const unitPrice = toPlanPrice(listPrice, caller.plan);
      return {
        tier,
        max_steps: maxSteps,
        max_step_units: maxStepUnits,
        unit_price: unitPrice,
        max_cost: maxStepUnits * unitPrice,
      };
    }),
  };
  return context.json(answer);
}

type PricedWish = Pick<GenerationWish, "model" | "tier" | "input" | "toParameters">;

/** What a body would have run, by the field that only its endpoint has; `auto` is any tier. */
function readWish(body: Readonly<Record<string, unknown>>): PricedWish {
  if ("answers" in body) {
    const request = checkBody(scoreRequestSchema, body);
    return {
      model: request.model,
      tier: EXACT_STEPS_TIER,
      input: toScoreInput(request),
      toParameters: () => toScoreParameters(request),
    };
  }
  if ("template" in body) {
    const request = checkBody(generationRequestSchema, body);
    return {
      model: request.model,
      tier: readTier(request),
      input: toGenerationInput(request),
      toParameters: (tier) => toNativeParameters(request, tier),
    };
  }
  const request =
    "messages" in body
      ? checkBody(chatCompletionRequestSchema, body)
      : checkBody(completionRequestSchema, body);
  return {
    model: request.model,
    tier: readTier(request),
    input: toNodeInput(request),
    toParameters: (tier) => toGenerationParameters(request, tier),
  };
}

function readTier(request: Parameters<typeof toTier>[0]): RequestedTier {
  return request.tier || request.steps ? toTier(request) : "auto";
}
