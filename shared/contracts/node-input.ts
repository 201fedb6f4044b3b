import type { NodeInput } from "./node-wire.ts";
import {
  type ChatCompletionRequest,
  type CompletionRequest,
  toGenerationParameters,
} from "./public-api.ts";

/** What a node is to begin from: the conversation, the text, or the text around a hole. */
export function toNodeInput(request: ChatCompletionRequest | CompletionRequest): NodeInput {
  if ("messages" in request) return { type: "messages", messages: request.messages };
  const { prompt, suffix } = request;
  if (!suffix) return { type: "text", text: prompt };
  return {
    type: "template",
    segments: [
      { type: "text", text: prompt },
      { type: "hole", length: toGenerationParameters(request).max_tokens },
      { type: "text", text: suffix },
    ],
  };
}
