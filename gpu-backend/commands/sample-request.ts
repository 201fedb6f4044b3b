/**
 * What `unmask sample` is asked: LLaDA's `generate()` by its own parameter names.
 *
 * Owns: the request's schema, and every refusal that needs the model's shape to be seen.
 * Does not own: what the parameters mean to the sampler (sample-settings.ts), running it (sample.ts).
 */

import { z } from "zod";
import { ApiError } from "#shared/contracts/errors.ts";
import {
  MAX_GENERATION_LENGTH,
  MAX_PROMPT_CHARACTERS,
  MAX_STEPS,
} from "#shared/contracts/limits.ts";
import { chatMessageSchema, remaskingSchema } from "#shared/contracts/node-wire.ts";
import type { SamplingSettings } from "../sampler/sampling-settings.ts";
import type { TextModel } from "./checkpoint-text.ts";
import { runsInLockstep, sampleOptionFields } from "./sample-options.ts";

const tokenId = z.int().nonnegative();
const uniform = z.number().min(0).max(1);

/** The published samplers by their names. */
const algorithmSchema = z.enum([
  "llada",
  "fastdllm_threshold",
  "fastdllm_prefix_cache",
  "fastdllm_dual_cache",
]);

/** `generate()`'s arguments with its defaults; `eos_id` and `eot_id` stand for its constants. */
export const sampleParametersSchema = z.strictObject({
  algorithm: algorithmSchema.default("llada"),
  steps: z.int().min(1).max(MAX_STEPS).default(128),
  gen_length: z.int().min(1).max(MAX_GENERATION_LENGTH).default(128),
  block_length: z.int().min(1).max(MAX_GENERATION_LENGTH).default(128),
  temperature: z.number().default(0),
  cfg_scale: z.number().default(0),
  remasking: remaskingSchema.default("low_confidence"),
  logits_eos_inf: z.boolean().default(false),
  confidence_eos_eot_inf: z.boolean().default(false),
  mask_id: tokenId.optional(),
  eos_id: tokenId.optional(),
  eot_id: tokenId.nullish(),
  seed: z.int().min(0).max(Number.MAX_SAFE_INTEGER).default(0),
  /** Fast-dLLM's, in place of the schedule over `steps`; one of the three at most. */
  threshold: z.number().nullish(),
  factor: z.number().nullish(),
  entropy_bound: z.number().nullish(),
  /** Most steps where one of the three or an adaptive length is given; else, as many as it takes. */
  max_steps: z.int().min(1).max(MAX_STEPS).optional(),
  ...sampleOptionFields,
});
export type SampleParameters = z.output<typeof sampleParametersSchema>;

/** A request of `unmask sample`: ids, a text or a conversation. */
export const sampleRequestSchema = z.strictObject({
  prompt_ids: z.array(z.array(tokenId)).min(1).optional(),
  attention_mask: z.array(z.array(z.union([z.literal(0), z.literal(1)]))).nullish(),
  prompt: z.string().max(MAX_PROMPT_CHARACTERS).optional(),
  messages: z.array(chatMessageSchema).min(1).optional(),
  params: sampleParametersSchema.prefault({}),
  /** The draws, in the order of the steps; in place of a seed. */
  noise: z
    .array(
      z.discriminatedUnion("kind", [
        z.strictObject({
          kind: z.literal("gumbel"),
          uniform: z.array(z.array(z.array(uniform))),
        }),
        z.strictObject({ kind: z.literal("random"), uniform: z.array(z.array(uniform)) }),
      ]),
    )
    .optional(),
  /** Writes the run's state down after so many steps instead of ending it. */
  stop_after: z.int().min(0).max(MAX_STEPS).optional(),
});
export type SampleRequest = z.output<typeof sampleRequestSchema>;

/** The one of the request's three prompts that is given, by its field. */
export type SamplePrompt =
  | { readonly field: "prompt_ids"; readonly rows: readonly (readonly number[])[] }
  | { readonly field: "prompt"; readonly text: string }
  | { readonly field: "messages"; readonly messages: NonNullable<SampleRequest["messages"]> };

/**
 * Tells the prompts apart.
 *
 * @throws {ApiError} `missing_parameter` if there is none, `invalid_parameter` if there are several
 *   or a field belongs to another kind of prompt.
 */
export function readPrompt(request: SampleRequest): SamplePrompt {
  const { prompt_ids: rows, prompt: text, messages } = request;
  const given = ["prompt_ids", "prompt", "messages"].filter(
    (field) => request[field as keyof SampleRequest] !== undefined,
  );
  if (given.length > 1) {
    throw invalid(given[1] ?? "", `cannot be given beside ${given[0]}`);
  }
  if (rows !== undefined) return { field: "prompt_ids", rows };
  if (request.attention_mask) throw invalid("attention_mask", "belongs to prompt_ids");
  if (request.noise !== undefined) throw invalid("noise", "belongs to prompt_ids");
  if (text !== undefined) return { field: "prompt", text };
  if (messages !== undefined) return { field: "messages", messages };
  throw new ApiError("missing_parameter", "One of prompt_ids, prompt and messages is required.", {
    param: "prompt_ids",
  });
}

/**
 * Checks the prompt's rows against each other and the model.
 *
 * @param field The field that the rows come from.
 * @throws {ApiError} `empty_prompt`, `invalid_parameter` or `context_length_exceeded`.
 */
export function checkPromptRows(
  rows: readonly (readonly number[])[],
  field: SamplePrompt["field"],
  settings: SamplingSettings,
  model: TextModel,
): void {
  const length = rows[0]?.length ?? 0;
  if (length === 0) {
    throw new ApiError("empty_prompt", "The prompt has no token.", { param: field });
  }
  if (rows.length > 1 && !runsInLockstep(settings)) {
    throw invalid(field, "has several rows, which take the algorithm llada without options");
  }
  for (const [i, row] of rows.entries()) {
    if (row.length !== length)
      throw invalid(`${field}.${i}`, "differs in length from the first row");
    const outside = row.findIndex((id) => id >= model.logitCount);
    if (outside >= 0) throw invalid(`${field}.${i}.${outside}`, `is not below ${model.logitCount}`);
  }
  const generated = settings.adaptiveLength?.maxLength ?? settings.generationLength;
  const needed = length + generated;
  if (needed > model.maxLength) {
    throw new ApiError(
      "context_length_exceeded",
      `The model holds ${model.maxLength} positions, the request needs ${needed}: ` +
        `${length} in the prompt and ${generated} to generate.`,
      { param: field },
    );
  }
}

/**
 * Checks that a run that is to be stopped can be written down.
 *
 * @throws {ApiError} `invalid_parameter`.
 */
export function checkStop({ stop_after: stop, noise }: SampleRequest, rowCount: number): void {
  if (stop === undefined) return;
  if (rowCount > 1) throw invalid("stop_after", "goes with one row");
  if (noise !== undefined) throw invalid("stop_after", "cannot be given beside noise");
}

/**
 * Checks that the mask has the shape of the rows.
 *
 * @throws {ApiError} `invalid_parameter`.
 */
export function checkAttentionMask(
  mask: SampleRequest["attention_mask"],
  rows: readonly (readonly number[])[],
): void {
  if (mask) checkShape(mask, [rows.length, rows[0]?.length ?? 0], "attention_mask");
}

/**
 * Checks that the noise has just the draws that the run makes.
 *
 * @throws {ApiError} `invalid_parameter` at the first entry that is missing, superfluous or of another
 *   shape.
 */
export function checkNoise(
  noise: NonNullable<SampleRequest["noise"]>,
  rowCount: number,
  canvasLength: number,
  settings: SamplingSettings,
  model: TextModel,
): void {
  if (!runsInLockstep(settings)) {
    throw invalid("noise", "goes with the algorithm llada without options: known steps");
  }
  const wanted = {
    gumbel: settings.temperature > 0 ? settings.steps : 0,
    random: settings.remasking === "random" ? settings.steps : 0,
  };
  for (const kind of ["gumbel", "random"] as const) {
    const count = noise.filter((entry) => entry.kind === kind).length;
    if (count !== wanted[kind]) {
      throw invalid("noise", `has ${count} steps of kind ${kind}, the run draws ${wanted[kind]}`);
    }
  }
  for (const [i, { kind, uniform: draws }] of noise.entries()) {
    const shape = [rowCount, canvasLength, ...(kind === "gumbel" ? [model.logitCount] : [])];
    checkShape(draws, shape, `noise.${i}.uniform`);
    const isOpen = kind === "random" || draws.flat(2).every((draw) => draw > 0 && draw < 1);
    if (!isOpen) throw invalid(`noise.${i}.uniform`, "must lie inside (0, 1), both ends excluded");
  }
}

function checkShape(value: readonly unknown[], shape: readonly number[], param: string): void {
  const [size, ...inner] = shape;
  if (value.length !== size) {
    throw invalid(param, `has ${value.length} entries where ${size} are needed`);
  }
  if (inner.length === 0) return;
  for (const [i, entry] of value.entries()) {
    checkShape(entry as readonly unknown[], inner, `${param}.${i}`);
  }
}

function invalid(param: string, complaint: string): ApiError {
  return new ApiError("invalid_parameter", `The field ${param} ${complaint}.`, { param });
}
