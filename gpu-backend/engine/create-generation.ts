import type { GenerationParameters } from "#shared/contracts/node-wire.ts";
import type { Tier } from "#shared/contracts/tier-names.ts";
import { DEFAULT_TIER } from "#shared/contracts/tiers.ts";
import { Canvas } from "../canvas/canvas.ts";
import type { TemplatePart, TokenCodec } from "../infilling/template.ts";
import { createCounterRandom } from "../sampler/counter-random.ts";
import { ReverseProcess } from "../sampler/reverse-process.ts";
import {
  resolveSamplingSettings,
  type SamplingSettings,
  type SpecialTokens,
} from "../sampler/sampling-settings.ts";
import { checkLength } from "./check-length.ts";
import { createInfill } from "./create-infill.ts";
import { Generation, type GenerationParts } from "./generation.ts";
import type { GenerationListener } from "./generation-event.ts";
import { FlowingText } from "./generation-text.ts";
import { type ResumeOrder, resumeRun, writeRunState } from "./run-state.ts";
import type { TokenDecoder } from "./text-assembly.ts";

/** What a generation needs to know of the model. */
export interface GenerationModel {
  /** Canvas columns at most. */
  readonly maxLength: number;
  /**
   * Columns between the shortest lengths that whole rows are padded to, see length-bucket.ts; as close as
   * pays on cores when left out.
   */
  readonly bucketStep?: number;
  readonly specialTokens: SpecialTokens;
  readonly decoder: TokenDecoder;
  /** How text around holes becomes tokens, and what each token says in a hole. */
  readonly codec: TokenCodec;
}

/** A checked request with its prompt in tokens. */
export interface GenerationOrder {
  readonly requestId: string;
  readonly promptTokenIds: ArrayLike<number>;
  /** Text and holes after the prompt, which may then be empty. */
  readonly template?: readonly TemplatePart[];
  /** A JSON Schema, whose values are written after the prompt in place of text. */
  readonly schema?: Readonly<Record<string, unknown>>;
  readonly parameters: GenerationParameters;
  /** The default tier when left out. */
  readonly tier?: Tier;
  /** Epoch milliseconds from which `deadline_ms` counts; without it there is no deadline. */
  readonly receivedAt?: number;
  readonly listener: GenerationListener;
  /** Where an earlier run of the same request stood; from the beginning when left out. */
  readonly resume?: ResumeOrder;
}

/**
 * Puts a request on a canvas of its own.
 *
 * @throws {ApiError} `empty_prompt`, `context_length_exceeded`, what {@link createInfill} and
 *   `resolveSamplingSettings` throw, and `invalid_parameter` for a state that is not the request's.
 */
export function createGeneration(order: GenerationOrder, model: GenerationModel): Generation {
  const isInfill = order.template !== undefined || order.schema !== undefined;
  const run = isInfill
    ? createInfill(
        order,
        model,
        (length) => chooseSettings(order.parameters, length, true, model),
        endTokenIds(model),
      )
    : createContinuation(order, model);
  return new Generation({
    ...run,
    requestId: order.requestId,
    tier: order.tier ?? DEFAULT_TIER,
    deadlineAt: deadlineOf(order),
    maxLength: model.maxLength,
    bucketStep: model.bucketStep,
    decoder: model.decoder,
    listener: order.listener,
  });
}

function deadlineOf({ parameters, receivedAt }: GenerationOrder): number | null {
  const { deadline_ms: deadlineMs } = parameters;
  return deadlineMs === undefined || receivedAt === undefined ? null : receivedAt + deadlineMs;
}

/** A prompt, then masks to the canvas's end. */
function createContinuation(
  { promptTokenIds, parameters, resume }: GenerationOrder,
  model: GenerationModel,
): Omit<
  GenerationParts,
  "requestId" | "tier" | "deadlineAt" | "maxLength" | "bucketStep" | "decoder" | "listener"
> {
  checkLength(promptTokenIds.length, parameters.max_tokens, model.maxLength);
  const settings = chooseSettings(parameters, parameters.max_tokens, false, model);
  const canvas = Canvas.start({
    promptTokenIds,
    generationLength: settings.generationLength,
    maskTokenId: settings.maskTokenId,
  });
  const random = createCounterRandom(parameters.seed, canvas.firstColumn);
  const ends = { endTokenIds: endTokenIds(model), stops: parameters.stop };
  const process =
    resume === undefined
      ? new ReverseProcess(canvas, settings, random)
      : resumeRun(resume, { canvas, settings, random, constraint: null });
  return {
    process,
    text: new FlowingText(model.decoder, ends),
    readHoles: null,
    promptLength: promptTokenIds.length,
    isLaidOut: () => true,
    exportState: (digest) => writeRunState(process, null, digest),
  };
}

/** @param generationLength Columns to fill; fewer than were asked for get as many fewer steps. */
function chooseSettings(
  parameters: GenerationParameters,
  generationLength: number,
  isTemplate: boolean,
  model: GenerationModel,
): SamplingSettings {
  const { confidence_threshold: threshold, steps, max_tokens: askedLength } = parameters;
  return resolveSamplingSettings(
    {
      generationLength,
      steps: steps === undefined ? undefined : Math.ceil((steps * generationLength) / askedLength),
      blockLength: parameters.block_length,
      temperature: parameters.temperature,
      guidanceScale: parameters.cfg_scale,
      remasking: parameters.remasking === "random" ? "random" : "low-confidence",
      decoding: threshold === undefined ? undefined : { kind: "threshold", threshold },
      cache: parameters.cache,
      // A template is as long as it is given.
      earlyExit: parameters.early_exit && !isTemplate,
      revisionSteps: parameters.revision_steps,
      excludeEndOfText: parameters.logits_eos_inf,
      deferEndOfText: parameters.confidence_eos_eot_inf,
    },
    model.specialTokens,
  );
}

/** Where a text ends: end-of-text, and end-of-turn where the model has one. */
function endTokenIds({ specialTokens }: GenerationModel): ReadonlySet<number> {
  const { endOfTextTokenId, endOfTurnTokenId } = specialTokens;
  return new Set([endOfTextTokenId, endOfTurnTokenId].filter((id) => id !== null));
}
