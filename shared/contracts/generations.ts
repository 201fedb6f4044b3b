/**
 * `POST /v1/generations`: a generation in our own words, whatever it begins from.
 *
 * Owns: the body's fields and what must not be together, what a node is asked for.
 * Does not own: each field's range (public-api.ts, template.ts), the answer (generation-events.ts).
 */
import { z } from "zod";
import { checkFieldsTogether } from "./check-fields-together.ts";
import type { GenerationParameters, NodeInput } from "./node-wire.ts";
import { nativeResponseFormatSchema, withCode } from "./openai-fields.ts";
import { messagesSchema, promptSchema } from "./prompt-fields.ts";
import { endingFields, samplingFields, toGenerationParameters } from "./public-api.ts";
import { countHoleTokens, hasRange, hasText, templateSchema, toTemplateInput } from "./template.ts";
import type { Tier } from "./tier-names.ts";

/** What a generation begins from, on native endpoints. */
export const contextFields = {
  /** A text that is continued, or stands before the template; or else `messages`. */
  prompt: promptSchema.nullish(),
  messages: messagesSchema.nullish(),
};

/** Body of `POST /v1/generations`. */
export const generationRequestSchema = z
  .strictObject({
    ...contextFields,
    /** Its holes are filled, in place of a text of `max_tokens`. */
    template: templateSchema.nullish(),
    response_format: nativeResponseFormatSchema.nullish(),
    ...samplingFields,
    ...endingFields,
    /** Answers by the events of the native stream. */
    stream: z.boolean().nullish(),
    /** Answers at once and runs on, whoever listens. */
    background: z.boolean().nullish(),
  })
  .superRefine((request, context) => {
    const template = request.template;
    const lengths = template ? { max_tokens: countHoleTokens(template) } : {};
    checkFieldsTogether({ ...request, ...lengths }, context);
    checkContext(request, context);
  })
  .refine(({ template, max_tokens: tokens }) => !template || !tokens, {
    path: ["max_tokens"],
    message: "is told by the template's holes",
  })
  .refine(({ template, stop }) => !template || !stop, {
    path: ["stop"],
    ...withCode("unsupported_parameter", "does not go with a template, which is filled whole"),
  })
  .refine(
    ({ messages, template, response_format: format }) => {
      return format?.type !== "json_schema" || (Boolean(messages) && !template);
    },
    {
      path: ["response_format"],
      message: "goes with messages alone",
    },
  )
  .refine(({ stream, background }) => !stream || !background, {
    path: ["background"],
    message: "answers at once; read its events at /v1/generations/{id}/events",
  });
export type GenerationRequest = z.infer<typeof generationRequestSchema>;

/** The part of a request that says what it begins from. */
type ContextFields = Pick<GenerationRequest, "prompt" | "messages" | "template" | "block_length">;

/** Reports what is missing to begin from, or too much of it. */
export function checkContext(request: ContextFields, context: z.RefinementCtx): void {
  const { prompt, messages, template } = request;
  const complain = (field: string, issue: object) =>
    context.addIssue({ code: "custom", path: [field], message: "", ...issue });
  if (prompt && messages) complain("prompt", { message: "give a prompt or messages, not both" });
  if (template) {
    const hasContext = Boolean(prompt || messages);
    if (!hasContext && !hasText(template)) {
      complain("template", withCode("empty_prompt", "has no text, and none before it"));
    }
    if (request.block_length && hasRange(template)) {
      complain("block_length", { message: "needs holes of one length each" });
    }
  } else if (!prompt && !messages) {
    complain("prompt", { message: "give a prompt, messages or a template" });
  }
}

/** What a node is to begin from. */
export function toGenerationInput(request: GenerationRequest): NodeInput {
  const { messages, template, response_format: format } = request;
  if (template) return toTemplateInput(template, toContext(request));
  if (messages && format?.type === "json_schema") {
    return { type: "json", messages, schema: format.json_schema.schema };
  }
  return toContext(request) ?? { type: "text", text: "" };
}

/** What stands before: `undefined` for nothing. */
export function toContext({
  prompt,
  messages,
}: Pick<ContextFields, "prompt" | "messages">):
  | Extract<NodeInput, { type: "text" | "messages" }>
  | undefined {
  if (messages) return { type: "messages", messages };
  return prompt ? { type: "text", text: prompt } : undefined;
}

/** How a node is to write it. */
export function toNativeParameters(request: GenerationRequest, tier: Tier): GenerationParameters {
  const { template } = request;
  if (!template) return toGenerationParameters(request, tier);
  const max_tokens = countHoleTokens(template);
  return toGenerationParameters({ ...request, max_tokens }, tier, false);
}

/** Query of `GET /v1/generations/{id}/events`. */
export const eventsQuerySchema = z.strictObject({
  /** Number of the last event already seen; `Last-Event-ID` goes before it. */
  after: z.coerce.number().int().min(0).default(0),
});
