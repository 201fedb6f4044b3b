/**
 * An order with holes: a template's, or the values of a JSON text.
 *
 * Owns: what must fit before anything runs, and what its text is.
 * Does not own: how holes are filled (sampler/), what templates and schemas mean (infilling/).
 */
import { ApiError } from "#shared/contracts/errors.ts";
import { boundSteps } from "#shared/contracts/prices.ts";
import { createHoleConstraint } from "../infilling/hole-constraint.ts";
import { readJsonSchema } from "../infilling/json-schema.ts";
import { createJsonSkeleton } from "../infilling/json-skeleton.ts";
import { LengthChoice } from "../infilling/length-choice.ts";
import { limitLengths } from "../infilling/limit-lengths.ts";
import {
  isHole,
  layOutTemplate,
  longestTemplate,
  readTemplate,
  type TemplateSegment,
} from "../infilling/template.ts";
import { createCounterRandom } from "../sampler/counter-random.ts";
import { ReverseProcess } from "../sampler/reverse-process.ts";
import type { SamplingSettings } from "../sampler/sampling-settings.ts";
import { checkLength } from "./check-length.ts";
import type { GenerationModel, GenerationOrder } from "./create-generation.ts";
import type { GenerationParts } from "./generation.ts";
import type { FilledHole } from "./generation-event.ts";
import { FlowingText, RenderedText } from "./generation-text.ts";
import { InfillProcess } from "./infill-process.ts";
import { readChosenLengths, resumeRun, writeRunState } from "./run-state.ts";

/** Rows of one pass that choose lengths; others wait for it no longer than for a usual batch. */
const LENGTH_ROWS_PER_PASS = 8;

/** A process and what its tokens say. */
export type Infill = Pick<
  GenerationParts,
  "exportState" | "isLaidOut" | "promptLength" | "readHoles" | "text"
> & { readonly process: InfillProcess };

/**
 * Prepares the filling of an order's template, or of its schema's values.
 *
 * @param settingsFor Settings of a run over so many columns to fill.
 * @param endTokenIds Where a text ends.
 * @throws {ApiError} `schema_not_supported`, `schema_not_satisfiable`, `no_hole`, `empty_prompt`,
 *   `context_length_exceeded`, or `invalid_parameter` where `max_tokens` or `block_length` do not go
 *   with the holes.
 */
export function createInfill(
  order: GenerationOrder,
  model: GenerationModel,
  settingsFor: (generationLength: number) => SamplingSettings,
  endTokenIds: ReadonlySet<number>,
): Infill {
  const { parameters } = order;
  const { maskTokenId } = model.specialTokens;
  const promptTokenIds = Array.from(order.promptTokenIds);
  const skeleton =
    order.schema === undefined
      ? null
      : createJsonSkeleton(readJsonSchema(order.schema), model.codec);
  const segments =
    skeleton === null
      ? readTemplate(order.template ?? [], model.codec, maskTokenId)
      : limitValues(skeleton.segments, parameters.max_tokens);
  const longest = segments.filter(isHole).map(({ lengths }) => lengths.at(-1) ?? 1);
  const holeTokens = longest.reduce((sum, length) => sum + length, 0);
  if (skeleton === null) checkHoleTokens(holeTokens, parameters.max_tokens);
  const givenTokens = promptTokenIds.length + longestTemplate(segments) - holeTokens;
  checkLength(givenTokens, holeTokens, model.maxLength);
  const choice = new LengthChoice(promptTokenIds, segments, maskTokenId, {
    maxTrials: boundSteps(parameters),
    rowsPerPass: LENGTH_ROWS_PER_PASS,
  });
  const isFixed = skeleton === null && choice.isFinished;
  if (parameters.block_length !== undefined && !isFixed) {
    throw invalid("block_length", "needs holes of one length each");
  }
  const resume = order.resume ?? null;
  const start = (lengths: readonly number[]) => {
    const { canvas, holes } = layOutTemplate(promptTokenIds, segments, lengths, maskTokenId);
    const settings = settingsFor(canvas.generationLength);
    const random = createCounterRandom(parameters.seed, canvas.firstColumn);
    const constraint = createHoleConstraint(holes, maskTokenId);
    return {
      process:
        resume === null
          ? new ReverseProcess(canvas, settings, random, constraint)
          : resumeRun(resume, { canvas, settings, random, constraint }),
      holes,
    };
  };
  const chosen = resume && readChosenLengths(resume);
  if (chosen !== null) checkChosen(chosen.lengths, segments);
  const process = new InfillProcess(choice, longest, start, chosen);
  const text =
    skeleton === null
      ? new FlowingText(model.decoder, { endTokenIds, stops: parameters.stop })
      : new RenderedText(() => skeleton.render(process.holeTokenIds).text);
  const readHoles = skeleton === null ? () => readFilled(process, model) : null;
  return {
    process,
    text,
    readHoles,
    promptLength: promptTokenIds.length,
    isLaidOut: () => !process.isChoosing,
    exportState: (digest) => writeRunState(process.process, process.chosen, digest),
  };
}

/** Lengths come from outside: no canvas is made of them that the holes do not allow. */
function checkChosen(lengths: readonly number[], segments: readonly TemplateSegment[]): void {
  const holes = segments.filter(isHole);
  const fits = holes.every((hole, index) => hole.lengths.includes(lengths[index] ?? 0));
  if (fits && lengths.length === holes.length) return;
  throw new ApiError("invalid_parameter", "The field resume_from has lengths of other holes.", {
    param: "resume_from",
  });
}

/** A hole's text is what the text gains by its ids, since decoders look at what stands before. */
function readFilled({ canvas, holes }: InfillProcess, { decoder }: GenerationModel): FilledHole[] {
  const decodeUpTo = (end: number) => decoder.decode([...canvas.tokenIds.subarray(0, end)]);
  return holes.map(({ start, end }) => ({
    text: decodeUpTo(end).slice(decodeUpTo(start).length),
    tokenCount: end - start,
  }));
}

/** Values short enough that all of them fit into `maxTokens`. */
function limitValues(segments: readonly TemplateSegment[], maxTokens: number): TemplateSegment[] {
  const limited = limitLengths(segments, maxTokens);
  if (limited === null) {
    throw invalid("max_tokens", "is too small for the values that the schema asks for");
  }
  return limited;
}

function checkHoleTokens(holeTokens: number, maxTokens: number): void {
  if (holeTokens === maxTokens) return;
  throw invalid("max_tokens", `is not ${holeTokens}, which the holes have together`);
}

function invalid(field: string, complaint: string): ApiError {
  const param = `parameters.${field}`;
  return new ApiError("invalid_parameter", `The field ${field} ${complaint}.`, { param });
}
