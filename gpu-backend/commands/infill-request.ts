/**
 * What `unmask infill` is asked: a template with holes, or a JSON Schema to fill.
 *
 * Owns: the request's schema, and every refusal that is about which fields go together.
 * Does not own: what templates and schemas mean (infilling/), running them (infill.ts).
 */

import { z } from "zod";
import { ApiError } from "#shared/contracts/errors.ts";
import {
  MAX_GENERATION_LENGTH,
  MAX_PROMPT_CHARACTERS,
  MAX_STEPS,
} from "#shared/contracts/limits.ts";
import { chatMessageSchema } from "#shared/contracts/node-wire.ts";
import type { TemplatePart } from "../infilling/template.ts";
import type { SamplingSettings } from "../sampler/sampling-settings.ts";
import type { TextModel } from "./checkpoint-text.ts";
import { sampleParametersSchema } from "./sample-request.ts";
import { readSettings } from "./sample-settings.ts";

const MAX_PARTS = 1_000;

/** A hole or pinned ids; {@link readPart} tells which. */
const partSchema = z.strictObject({
  length: z.number().optional(),
  min_length: z.number().optional(),
  max_length: z.number().optional(),
  token_ids: z.array(z.int()).max(MAX_GENERATION_LENGTH).optional(),
});
type PartObject = z.output<typeof partSchema>;

/** As `unmask sample` has them; how long the canvas is, the holes say. */
const infillParametersSchema = sampleParametersSchema
  .omit({
    gen_length: true,
    adaptive_length: true,
    early_exit: true,
    mask_id: true,
    eos_id: true,
    eot_id: true,
  })
  .extend({
    /** Half of the tokens to fill, and at least one a block, when left out. */
    steps: z.int().min(1).max(MAX_STEPS).optional(),
    /** Divides the tokens to fill, which are all one block when left out. */
    block_length: z.int().min(1).max(MAX_GENERATION_LENGTH).optional(),
    /** Most tokens of a JSON string whose schema leaves the choice. */
    max_string_tokens: z.int().min(1).max(MAX_GENERATION_LENGTH).optional(),
  });

/** A request of `unmask infill`. */
export const infillRequestSchema = z.strictObject({
  template: z
    .array(z.union([z.string().max(MAX_PROMPT_CHARACTERS), partSchema]))
    .max(MAX_PARTS)
    .optional(),
  schema: z.unknown().optional(),
  prompt: z.string().max(MAX_PROMPT_CHARACTERS).optional(),
  messages: z.array(chatMessageSchema).min(1).optional(),
  params: infillParametersSchema.prefault({}),
});
export type InfillRequest = z.output<typeof infillRequestSchema>;

/** What is to be filled, by the request's field. */
export type InfillTask =
  | { readonly field: "template"; readonly parts: readonly TemplatePart[] }
  | { readonly field: "schema"; readonly schema: unknown };

/**
 * Tells template and schema apart and checks that the fields go together.
 *
 * @throws {ApiError} `missing_parameter`, `invalid_parameter` or `hole_length_invalid`.
 */
export function readTask(request: InfillRequest): InfillTask {
  const { template, schema, prompt, messages, params } = request;
  if (prompt !== undefined && messages !== undefined) {
    throw invalid("messages", "cannot be given beside prompt");
  }
  if (template !== undefined && schema !== undefined) {
    throw invalid("schema", "cannot be given beside template");
  }
  if (schema !== undefined) return { field: "schema", schema };
  if (template === undefined) {
    throw new ApiError("missing_parameter", "One of template and schema is required.", {
      param: "template",
    });
  }
  if (params.max_string_tokens !== undefined) {
    throw invalid("params.max_string_tokens", "goes with schema");
  }
  return { field: "template", parts: template.map(readPart) };
}

function readPart(part: string | PartObject, index: number): TemplatePart {
  if (typeof part === "string") return part;
  const { length, min_length: minLength, max_length: maxLength, token_ids: tokenIds } = part;
  const fields = Object.keys(part).sort().join(" ");
  if (fields === "token_ids" && tokenIds !== undefined) return { tokenIds };
  if (fields === "length" && length !== undefined) return { minLength: length, maxLength: length };
  if (fields === "max_length min_length" && minLength !== undefined && maxLength !== undefined) {
    return { minLength, maxLength };
  }
  const shapes = "length, min_length and max_length, or token_ids";
  throw invalid(`template.${index}`, `is a text or has either ${shapes}`);
}

/**
 * Settings of a run that fills `holeTokens` columns.
 *
 * @param isFixed False where the length is not known before the run: then no block length can divide it.
 * @throws {ApiError} As {@link readSettings}.
 */
export function readInfillSettings(
  { params }: InfillRequest,
  holeTokens: number,
  isFixed: boolean,
  model: TextModel,
): SamplingSettings {
  if (params.block_length !== undefined && !isFixed) {
    throw invalid("params.block_length", "needs holes of one length each");
  }
  const { max_string_tokens: _, ...parameters } = params;
  const blockLength = params.block_length ?? holeTokens;
  const leastSteps = Math.ceil(holeTokens / blockLength);
  return readSettings(
    {
      ...parameters,
      gen_length: holeTokens,
      block_length: blockLength,
      steps: params.steps ?? Math.max(leastSteps, Math.floor(holeTokens / 2)),
    },
    model,
  );
}

function invalid(param: string, complaint: string): ApiError {
  return new ApiError("invalid_parameter", `The field ${param} ${complaint}.`, { param });
}
