/** What things cost, before anything runs. */
import type { QuoteAnswer, TierList } from "#shared/contracts/billing.ts";
import { toNodeInput } from "#shared/contracts/node-input.ts";
import { STEP_UNIT_PRICES, toPlanPrice } from "#shared/contracts/prices.ts";
import {
  chatCompletionRequestSchema,
  completionRequestSchema,
  toGenerationParameters,
  toTier,
} from "#shared/contracts/public-api.ts";
import { type Tier, tierSchema } from "#shared/contracts/tier-names.ts";
import { DEFAULT_TIER, TIERS } from "#shared/contracts/tiers.ts";
import { quoteGeneration } from "../billing/quote.ts";
import type { AppContext, BodyContext } from "../environment.ts";
import { checkBody } from "../middleware/check-body.ts";
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
 * `POST /v1/quote`: takes the body of either completion endpoint and tells what it would be held for:
 * in the tier that it names, or in each.
 *
 * @throws {ApiError} what the endpoint itself says of the body; `model_not_found`, `no_ready_node`.
 */
export async function quote(context: BodyContext<Record<string, unknown>>): Promise<Response> {
  const { body, caller, platform } = context.var;
  const request =
    "messages" in body
      ? checkBody(chatCompletionRequestSchema, body)
      : checkBody(completionRequestSchema, body);
  const name = request.model === "default" ? null : (request.model ?? null);
  const model = await platform.nodes.findModel(poolOf(context), name);
  const named = request.tier || request.steps ? toTier(request) : "auto";
  const tiers: readonly Tier[] = named === "auto" ? tierSchema.options : [named];
  const answer: QuoteAnswer = {
    object: "quote",
    model: model.id,
    data: tiers.map((tier) => {
      const { maxSteps, maxStepUnits, listPrice } = quoteGeneration({
        tier,
        input: toNodeInput(request),
        parameters: toGenerationParameters(request, tier),
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
