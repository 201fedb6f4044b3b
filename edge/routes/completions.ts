import { toNodeInput } from "#shared/contracts/node-input.ts";
import {
  type CompletionRequest,
  toGenerationParameters,
  toTier,
} from "#shared/contracts/public-api.ts";
import type { BodyContext } from "../environment.ts";
import { completionSkin, withEcho } from "../streaming/openai-skin.ts";
import { answerStreamed, answerWhole } from "./answer-generation.ts";
import { beginGeneration } from "./begin-generation.ts";

/** `POST /v1/completions`. Walk: step 4. */
export async function createCompletion(context: BodyContext<CompletionRequest>): Promise<Response> {
  const body = context.get("body");
  const generation = await beginGeneration(context, {
    model: body.model,
    tier: toTier(body),
    input: toNodeInput(body),
    toParameters: (tier) => toGenerationParameters(body, tier),
    maxPrice: body.max_price,
    body,
  });
  const skin = body.echo ? withEcho(completionSkin, body.prompt) : completionSkin;
  if (!body.stream) return await answerWhole(context, generation, skin);
  const hasBill = body.stream_options?.include_usage === true;
  return answerStreamed(context, generation, skin, hasBill);
}
