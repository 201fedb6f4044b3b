/**
 * How the public API treats a field of OpenAI's that it does not act on.
 *
 * Three ways: taken and without meaning here; taken only at the value that changes nothing; refused
 * by name. A field in none of the lists is unknown, and left out. `null` is what clients send for "not set".
 */
import { z } from "zod";
import type { ErrorCode } from "./errors.ts";

/** Makes a refinement answer with `code` in place of `invalid_parameter`; read by the edge. */
export function withCode(
  code: ErrorCode,
  message: string,
): { message: string; params: { code: ErrorCode } } {
  return { message, params: { code } };
}

/** A field whose every value but these (or none) asks for what this API does not do. */
export function only(...neutral: (string | number | boolean)[]): z.ZodType {
  const told = neutral.map((value) => JSON.stringify(value)).join(" or ");
  return z
    .unknown()
    .refine(
      (value) => value === undefined || value === null || neutral.some((one) => one === value),
      withCode("unsupported_parameter", `only ${told} is supported`),
    )
    .optional();
}

/** A field that this API does not do at all; `null` and an empty list or object ask for nothing. */
export function refused(why = "this field is not supported"): z.ZodType {
  return z.unknown().refine(isNothing, withCode("unsupported_parameter", why)).optional();
}

function isNothing(value: unknown): boolean {
  if (value === undefined || value === null || value === false) return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}

/** Fields of both completion endpoints that are taken and mean nothing here, or only one thing. */
export const neutralFields = {
  user: z.string().nullish(),
  n: only(1),
  top_p: only(1),
  frequency_penalty: only(0),
  presence_penalty: only(0),
  logit_bias: refused(),
};

const schemaFormatFields = {
  name: z.string().max(64).nullish(),
  description: z.string().nullish(),
  /** The answer is valid under the schema either way. */
  strict: z.boolean().nullish(),
  /** The part of JSON Schema that a model's answer can be held to. */
  schema: z.record(z.string(), z.unknown()),
};

/** What an answer's text shall be, on native endpoints. */
export const nativeResponseFormatSchema = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("text") }),
  z.strictObject({
    type: z.literal("json_schema"),
    json_schema: z.strictObject(schemaFormatFields),
  }),
]);

/** The same of chat completions. */
const responseFormatSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("text") }),
  z.object({
    type: z.literal("json_schema"),
    json_schema: z.object(schemaFormatFields),
  }),
  z.looseObject({
    type: z
      .literal(["json_object", "grammar"])
      .refine(
        () => false,
        withCode("unsupported_parameter", 'only "text" and "json_schema" are supported'),
      ),
  }),
]);

/** The same, of chat completions alone. */
export const neutralChatFields = {
  metadata: z.record(z.string(), z.string()).nullish(),
  store: z.boolean().nullish(),
  service_tier: z.string().nullish(),
  safety_identifier: z.string().nullish(),
  prompt_cache_key: z.string().nullish(),
  prompt_cache_retention: z.string().nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  logprobs: only(false),
  top_logprobs: only(0),
  response_format: responseFormatSchema.nullish(),
  modalities: z
    .unknown()
    .refine(
      (value) => isNothing(value) || (Array.isArray(value) && value.every((one) => one === "text")),
      withCode("unsupported_parameter", 'only ["text"] is supported'),
    )
    .optional(),
  tools: refused(),
  tool_choice: only("none", "auto"),
  functions: refused(),
  function_call: only("none", "auto"),
  audio: refused(),
  prediction: refused(),
  reasoning_effort: only("none"),
  verbosity: refused(),
  web_search_options: refused(),
};
