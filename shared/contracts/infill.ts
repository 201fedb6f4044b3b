/**
 * `POST /v1/infill`: a text with holes anywhere, and the text without them.
 *
 * Owns: the body's fields, the answer's shape.
 * Does not own: templates (template.ts), sampling fields (public-api.ts), the stream (generation-events.ts).
 */
import { z } from "zod";
import { checkFieldsTogether } from "./check-fields-together.ts";
import { checkContext, contextFields, toContext } from "./generations.ts";
import type { GenerationParameters, NodeInput } from "./node-wire.ts";
import { usageSchema } from "./openai-answers.ts";
import { endingFields, samplingFields, toGenerationParameters } from "./public-api.ts";
import { countHoleTokens, templateSchema, toTemplateInput } from "./template.ts";
import type { Tier } from "./tier-names.ts";

/** Body of `POST /v1/infill`. */
export const infillRequestSchema = z
  .strictObject({
    /** Stands before the template: a prompt, or messages that it answers. */
    ...contextFields,
    template: templateSchema,
    ...samplingFields,
    logits_eos_inf: endingFields.logits_eos_inf,
    confidence_eos_eot_inf: endingFields.confidence_eos_eot_inf,
    /** Only `false`: a template is filled to its end. */
    early_exit: endingFields.early_exit,
    /** Answers by the events of the native stream. */
    stream: z.boolean().nullish(),
  })
  .superRefine((request, context) => {
    checkFieldsTogether({ ...request, max_tokens: countHoleTokens(request.template) }, context);
    checkContext(request, context);
  });
export type InfillRequest = z.infer<typeof infillRequestSchema>;

/** Answer of `POST /v1/infill`. */
export const infillAnswerSchema = z.strictObject({
  id: z.string(),
  object: z.literal("infill"),
  /** Epoch seconds. */
  created: z.int(),
  model: z.string(),
  /** The template, its holes filled. */
  text: z.string(),
  /** In the template's order; what is pinned in one is part of its text. */
  holes: z.array(z.strictObject({ text: z.string(), token_count: z.int() })),
  usage: usageSchema,
});
export type InfillAnswer = z.infer<typeof infillAnswerSchema>;

/** What a node is to begin from. */
export function toInfillInput(request: InfillRequest): NodeInput {
  return toTemplateInput(request.template, toContext(request));
}

/** How it is to fill the holes; each decoder runs to the template's end. */
export function toInfillParameters(
  { template, ...fields }: InfillRequest,
  tier: Tier,
): GenerationParameters {
  const max_tokens = countHoleTokens(template);
  return toGenerationParameters({ ...fields, max_tokens }, tier, false);
}
