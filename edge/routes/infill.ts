import { ApiError } from "#shared/contracts/errors.ts";
import {
  type InfillAnswer,
  type InfillRequest,
  toInfillInput,
  toInfillParameters,
} from "#shared/contracts/infill.ts";
import { toTier } from "#shared/contracts/public-api.ts";
import type { BodyContext } from "../environment.ts";
import { answerHosted, readHosted } from "./answer-hosted.ts";
import { hostGeneration } from "./host-generation.ts";

/**
 * `POST /v1/infill`. Walk: step 4.
 *
 * @throws {ApiError} the node's own code, or `node_failed`.
 */
export async function createInfill(context: BodyContext<InfillRequest>): Promise<Response> {
  const { body } = context.var;
  const { template } = body;
  const hosted = await hostGeneration(context, {
    model: body.model,
    tier: toTier(body),
    input: toInfillInput(body),
    toParameters: (tier) => toInfillParameters(body, tier),
    maxPrice: body.max_price,
    template,
    isBackground: false,
    body,
  });
  if (body.stream) return await answerHosted(context, hosted);
  const { id, created, model, text, holes, usage } = await readHosted(context, hosted);
  if (holes === null || usage === null) {
    throw new ApiError("cancelled", "The generation was cancelled.");
  }
  const answer: InfillAnswer = { id, object: "infill", created, model, text, holes, usage };
  return context.json(answer);
}
