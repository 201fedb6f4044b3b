import { toNodeInput } from "#shared/contracts/node-input.ts";
import {
  type ChatCompletionRequest,
  toGenerationParameters,
  toTier,
} from "#shared/contracts/public-api.ts";
import type { BodyContext } from "../environment.ts";
import { chatSkin } from "../streaming/openai-skin.ts";
import { answerStreamed, answerWhole } from "./answer-generation.ts";
import { beginGeneration } from "./begin-generation.ts";

/** `POST /v1/chat/completions`. Walk: step 4. */
export async function createChatCompletion(
  context: BodyContext<ChatCompletionRequest>,
): Promise<Response> {
  const body = context.get("body");
  const generation = await beginGeneration(context, {
    model: body.model,
    tier: toTier(body),
    input: toNodeInput(body),
    toParameters: (tier) => toGenerationParameters(body, tier),
    maxPrice: body.max_price,
    body,
  });
  if (!body.stream) return await answerWhole(context, generation, chatSkin);
  const hasBill = body.stream_options?.include_usage === true;
  return answerStreamed(context, generation, chatSkin, hasBill);
}
