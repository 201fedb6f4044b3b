/**
 * `POST /v1/infill`: a text with holes anywhere, and the text without them.
 *
 * Owns: the body's fields and what must hold of a template before a node sees it, the answer's shape.
 * Does not own: sampling fields (public-api.ts), how long a template is in tokens (the node).
 */
import { z } from "zod";
import { checkFieldsTogether } from "./check-fields-together.ts";
import { MAX_GENERATION_LENGTH, MAX_PROMPT_CHARACTERS } from "./limits.ts";
import type { GenerationParameters, NodeInput } from "./node-wire.ts";
import { usageSchema } from "./openai-answers.ts";
import { withCode } from "./openai-fields.ts";
import { samplingFields, toGenerationParameters } from "./public-api.ts";

const MAX_PARTS = 1_000;

const lengthSchema = z.int().min(1).max(MAX_GENERATION_LENGTH);

/** Text that stays as it is, or a hole: of one length in tokens, or of the likeliest in a range. */
const partSchema = z.union([
  z.string(),
  z.strictObject({ length: lengthSchema }),
  z
    .strictObject({ min_length: lengthSchema, max_length: lengthSchema })
    .refine(({ min_length: min, max_length: max }) => min <= max, {
      path: ["max_length"],
      ...withCode("hole_length_invalid", "is below min_length"),
    }),
]);
type Part = z.infer<typeof partSchema>;

/** Body of `POST /v1/infill`. */
export const infillRequestSchema = z
  .strictObject({
    template: z
      .array(partSchema)
      .max(MAX_PARTS)
      .refine((parts) => toTexts(parts).length < parts.length, withCode("no_hole", "has no hole"))
      .refine(
        (parts) => toTexts(parts).some((text) => text !== ""),
        withCode("empty_prompt", "has no text"),
      )
      .refine(
        (parts) => toTexts(parts).join("").length <= MAX_PROMPT_CHARACTERS,
        withCode("context_length_exceeded", `at most ${MAX_PROMPT_CHARACTERS} characters`),
      )
      .refine(
        (parts) => countHoleTokens(parts) <= MAX_GENERATION_LENGTH,
        withCode("max_tokens_exceeded", `at most ${MAX_GENERATION_LENGTH} tokens in all holes`),
      ),
    ...samplingFields,
  })
  .superRefine((request, context) => {
    checkFieldsTogether({ ...request, max_tokens: countHoleTokens(request.template) }, context);
  })
  .refine(({ template, block_length: length }) => !length || !template.some(isRange), {
    path: ["block_length"],
    message: "needs holes of one length each",
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
  /** In the template's order. */
  holes: z.array(z.strictObject({ text: z.string(), token_count: z.int() })),
  usage: usageSchema,
});
export type InfillAnswer = z.infer<typeof infillAnswerSchema>;

/** What a node is to begin from. */
export function toInfillInput({ template }: InfillRequest): NodeInput {
  return {
    type: "template",
    field: "template",
    segments: template.map((part) => {
      if (typeof part === "string") return { type: "text", text: part };
      if ("length" in part) return { type: "hole", length: part.length };
      return { type: "hole", min_length: part.min_length, length: part.max_length };
    }),
  };
}

/** How it is to fill the holes; each decoder runs to the template's end. */
export function toInfillParameters({ template, ...fields }: InfillRequest): GenerationParameters {
  const max_tokens = countHoleTokens(template);
  return toGenerationParameters({ ...fields, max_tokens, early_exit: false });
}

/** The template with its holes filled, in order. */
export function fillTemplate({ template }: InfillRequest, holes: readonly string[]): string {
  const rest = holes.values();
  return template
    .map((part) => (typeof part === "string" ? part : (rest.next().value ?? "")))
    .join("");
}

function toTexts(parts: readonly Part[]): string[] {
  return parts.filter((part) => typeof part === "string");
}

/** Tokens of all holes, each as long as it may be. */
function countHoleTokens(parts: readonly Part[]): number {
  return parts.reduce((sum, part) => {
    if (typeof part === "string") return sum;
    return sum + ("length" in part ? part.length : part.max_length);
  }, 0);
}

function isRange(part: Part): boolean {
  return typeof part !== "string" && "max_length" in part && part.min_length < part.max_length;
}
