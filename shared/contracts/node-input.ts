import { toGenerationLength } from "./check-fields-together.ts";
import type { NodeInput } from "./node-wire.ts";
import type { ChatCompletionRequest, CompletionRequest } from "./public-api.ts";

/** What a node is to begin from: the conversation, the text, or what is around holes. */
export function toNodeInput(request: ChatCompletionRequest | CompletionRequest): NodeInput {
  if ("messages" in request) return toChatInput(request);
  const { prompt, suffix } = request;
  if (!suffix) return { type: "text", text: prompt };
  return {
    type: "template",
    field: "prompt",
    segments: [
      { type: "text", text: prompt },
      { type: "hole", length: toGenerationLength(request) },
      { type: "text", text: suffix },
    ],
  };
}

function toChatInput({ messages, response_format: format }: ChatCompletionRequest): NodeInput {
  if (format?.type !== "json_schema") return { type: "messages", messages };
  return { type: "json", messages, schema: format.json_schema.schema };
}
