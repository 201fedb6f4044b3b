/**
 * What `unmask score` is asked: the likelihood of one answer, or of several to choose from.
 *
 * Owns: the request's schema, and every refusal that needs the model's shape to be seen.
 * Does not own: the estimate and its own rules (likelihood/), running it (score.ts).
 */

import { z } from "zod";
import { ApiError } from "#shared/contracts/errors.ts";
import { MAX_PROMPT_CHARACTERS } from "#shared/contracts/limits.ts";
import { chatMessageSchema } from "#shared/contracts/node-wire.ts";
import type { ScoredAnswer } from "../likelihood/likelihood-estimate.ts";
import { MAX_GUIDANCE_SCALE } from "../sampler/sampling-settings.ts";
import type { CheckpointText, TextModel } from "./checkpoint-text.ts";

const tokenId = z.int().nonnegative();
const text = z.string().max(MAX_PROMPT_CHARACTERS);
const MAX_CHOICES = 64;

/** A request of `unmask score`, by the names and defaults of LLaDA's `get_log_likelihood()`. */
export const scoreRequestSchema = z.strictObject({
  prompt_ids: z.array(tokenId).optional(),
  prompt: text.optional(),
  messages: z.array(chatMessageSchema).min(1).optional(),
  answer_ids: z.array(tokenId).optional(),
  answer: text.optional(),
  /** Answers to choose from, all ids or all texts. */
  choices: z
    .union([
      z.array(z.array(tokenId)).min(1).max(MAX_CHOICES),
      z.array(text).min(1).max(MAX_CHOICES),
    ])
    .optional(),
  mc_num: z.int().optional(),
  batch_size: z.int().optional(),
  cfg_scale: z.number().min(0).max(MAX_GUIDANCE_SCALE).default(0),
  seed: z.int().min(0).max(Number.MAX_SAFE_INTEGER).optional(),
  mask_id: tokenId.optional(),
  /** `[batch][row][column]`, in place of a seed. */
  noisy_ids: z.array(z.array(z.array(tokenId))).optional(),
});
export type ScoreRequest = z.output<typeof scoreRequestSchema>;

const PROMPT_FIELDS = ["prompt_ids", "prompt", "messages"] as const;
const ANSWER_FIELDS = ["answer_ids", "answer", "choices"] as const;

/** Which of the request's prompts and answers are given. */
export interface ScoreFields {
  readonly prompt: (typeof PROMPT_FIELDS)[number];
  readonly answer: (typeof ANSWER_FIELDS)[number];
}

/**
 * Tells the fields apart.
 *
 * @throws {ApiError} `missing_parameter` if there is no prompt or no answer, `invalid_parameter` if
 *   there are two or the noisy rows do not go with the rest.
 */
export function readFields(request: ScoreRequest): ScoreFields {
  const fields = {
    prompt: findOne(request, PROMPT_FIELDS),
    answer: findOne(request, ANSWER_FIELDS),
  };
  const { noisy_ids: noisy, mc_num: sampleCount, batch_size: batchSize } = request;
  if (noisy === undefined) return fields;
  if (fields.answer === "choices") throw invalid("noisy_ids", "belongs to a single answer");
  if (request.seed !== undefined) throw invalid("seed", "cannot be given beside noisy_ids");
  if (batchSize !== undefined && batchSize !== noisy[0]?.length) {
    throw invalid("batch_size", "is not the number of rows in each batch of noisy_ids");
  }
  if (sampleCount !== undefined && sampleCount !== noisy.flat().length) {
    throw invalid("mc_num", "is not the number of rows in noisy_ids");
  }
  return fields;
}

/** Whether any of the fields is text. */
export function needsText(request: ScoreRequest, fields: ScoreFields): boolean {
  const hasTextChoice = typeof request.choices?.[0] === "string";
  return fields.prompt !== "prompt_ids" || fields.answer === "answer" || hasTextChoice;
}

/**
 * The prompt with each of its answers.
 *
 * @throws {ApiError} `invalid_parameter` at an id that the model lacks, the mask id, or an answer
 *   without a token; `context_length_exceeded`.
 */
export function readAnswers(
  request: ScoreRequest,
  fields: ScoreFields,
  model: TextModel,
  checkpointText: CheckpointText | null,
): ScoredAnswer[] {
  const maskTokenId = request.mask_id ?? model.specialTokens.maskTokenId;
  if (maskTokenId >= model.logitCount) throw invalid("mask_id", `is not below ${model.logitCount}`);
  const promptTokenIds = encodePrompt(request, checkpointText);
  checkIds(promptTokenIds, fields.prompt, model.logitCount, maskTokenId);
  const answers = listAnswers(request, checkpointText);
  return answers.map((answerTokenIds, index) => {
    const param = fields.answer === "choices" ? `choices.${index}` : fields.answer;
    if (answerTokenIds.length === 0) throw invalid(param, "has no token");
    checkIds(answerTokenIds, param, model.logitCount, maskTokenId);
    const length = promptTokenIds.length + answerTokenIds.length;
    if (length > model.maxLength) {
      throw new ApiError(
        "context_length_exceeded",
        `The model holds ${model.maxLength} positions, prompt and answer need ${length}.`,
        { param },
      );
    }
    return { promptTokenIds, answerTokenIds, maskTokenId, guidanceScale: request.cfg_scale };
  });
}

function encodePrompt(request: ScoreRequest, checkpointText: CheckpointText | null): number[] {
  if (request.prompt_ids !== undefined) return request.prompt_ids;
  if (request.prompt !== undefined) return checkpointText?.tokenizer.encode(request.prompt) ?? [];
  return checkpointText?.chatTemplate.encode(request.messages ?? [], true) ?? [];
}

function listAnswers(request: ScoreRequest, checkpointText: CheckpointText | null): number[][] {
  const { answer_ids: ids, answer, choices = [] } = request;
  const given = ids === undefined ? choices : [ids];
  return (answer === undefined ? given : [answer]).map((choice) =>
    typeof choice === "string" ? (checkpointText?.tokenizer.encode(choice) ?? []) : choice,
  );
}

function findOne<Field extends keyof ScoreRequest>(
  request: ScoreRequest,
  fields: readonly Field[],
): Field {
  const [first, second] = fields.filter((field) => request[field] !== undefined);
  if (first === undefined) {
    const message = `One of ${fields.join(", ")} is required.`;
    throw new ApiError("missing_parameter", message, { param: fields[0] ?? null });
  }
  if (second !== undefined) throw invalid(second, `cannot be given beside ${first}`);
  return first;
}

function checkIds(
  ids: readonly number[],
  param: string,
  idCount: number,
  maskTokenId: number,
): void {
  const outside = ids.findIndex((id) => id >= idCount);
  if (outside >= 0) throw invalid(`${param}.${outside}`, `is not below ${idCount}`);
  const masked = ids.indexOf(maskTokenId);
  if (masked >= 0) throw invalid(`${param}.${masked}`, "is the mask id, which has no likelihood");
}

function invalid(param: string, complaint: string): ApiError {
  return new ApiError("invalid_parameter", `The field ${param} ${complaint}.`, { param });
}
