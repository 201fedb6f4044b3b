/**
 * The canvas that an order begins with.
 *
 * Owns: which columns are given and which are filled, whether the model holds them.
 * Does not own: how they are filled (sampler/), what a template is made of (infilling/).
 */
import { ApiError } from "#shared/contracts/errors.ts";
import { Canvas } from "../canvas/canvas.ts";
import { createHoleConstraint } from "../infilling/hole-constraint.ts";
import { isHole, layOutTemplate, longestTemplate, readTemplate } from "../infilling/template.ts";
import type { CandidateConstraint } from "../sampler/constraint.ts";
import type { GenerationModel, GenerationOrder } from "./create-generation.ts";

/** A canvas to fill. */
export interface OrderCanvas {
  readonly canvas: Canvas;
  /** What the columns to fill may hold; null where anything. */
  readonly constraint: CandidateConstraint | null;
}

/**
 * Lays an order out: the prompt and what follows it, or a template with its holes.
 *
 * @throws {ApiError} `empty_prompt`, `context_length_exceeded`, `no_hole`, or `invalid_parameter`
 *   where the holes are not as long as `max_tokens` says.
 */
export function layOutOrder(order: GenerationOrder, model: GenerationModel): OrderCanvas {
  const { promptTokenIds, template, parameters } = order;
  if (template !== undefined) return layOutHoles({ ...order, template }, model);
  checkLength(promptTokenIds.length, parameters.max_tokens, model.maxLength);
  const canvas = Canvas.start({
    promptTokenIds,
    generationLength: parameters.max_tokens,
    maskTokenId: model.specialTokens.maskTokenId,
  });
  return { canvas, constraint: null };
}

function layOutHoles(
  { promptTokenIds, template, parameters }: Required<GenerationOrder>,
  { codec, maxLength, specialTokens }: GenerationModel,
): OrderCanvas {
  const { maskTokenId } = specialTokens;
  const segments = readTemplate(template, codec, maskTokenId);
  const lengths = segments.filter(isHole).map((hole) => hole.lengths[0] ?? 1);
  const holeTokens = lengths.reduce((sum, length) => sum + length, 0);
  if (holeTokens !== parameters.max_tokens) {
    throw new ApiError(
      "invalid_parameter",
      `The holes have ${holeTokens} tokens, max_tokens is ${parameters.max_tokens}.`,
      { param: "parameters.max_tokens" },
    );
  }
  const givenTokens = promptTokenIds.length + longestTemplate(segments) - holeTokens;
  checkLength(givenTokens, holeTokens, maxLength);
  const layout = layOutTemplate(Array.from(promptTokenIds), segments, lengths, maskTokenId);
  return { canvas: layout.canvas, constraint: createHoleConstraint(layout.holes, maskTokenId) };
}

function checkLength(promptLength: number, generationLength: number, maxLength: number): void {
  if (promptLength === 0) {
    throw new ApiError("empty_prompt", "The prompt has no token.", { param: "input" });
  }
  if (promptLength + generationLength > maxLength) {
    throw new ApiError(
      "context_length_exceeded",
      `The model holds ${maxLength} tokens, but the request needs ${promptLength + generationLength}: ` +
        `${promptLength} in the prompt and ${generationLength} to generate.`,
      { param: "input" },
    );
  }
}
