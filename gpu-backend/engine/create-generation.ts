import { ApiError } from "#shared/contracts/errors.ts";
import type { GenerationParameters } from "#shared/contracts/node-wire.ts";
import { Canvas } from "../canvas/canvas.ts";
import { createCounterRandom } from "../sampler/counter-random.ts";
import { ReverseProcess } from "../sampler/reverse-process.ts";
import { resolveSamplingSettings, type SpecialTokens } from "../sampler/sampling-settings.ts";
import { Generation } from "./generation.ts";
import type { GenerationListener } from "./generation-event.ts";
import type { TokenDecoder } from "./text-assembly.ts";

/** What a generation needs to know of the model. */
export interface GenerationModel {
  /** Canvas columns at most. */
  readonly maxLength: number;
  readonly specialTokens: SpecialTokens;
  readonly decoder: TokenDecoder;
}

/** A checked request with its prompt in tokens. */
export interface GenerationOrder {
  readonly requestId: string;
  readonly promptTokenIds: ArrayLike<number>;
  readonly parameters: GenerationParameters;
  readonly listener: GenerationListener;
}

/**
 * Puts a request on a canvas of its own.
 *
 * @throws {ApiError} `empty_prompt`, `context_length_exceeded`, and what `resolveSamplingSettings`
 *   throws.
 */
export function createGeneration(order: GenerationOrder, model: GenerationModel): Generation {
  const { promptTokenIds, parameters } = order;
  const { confidence_threshold: threshold } = parameters;
  checkLength(promptTokenIds.length, parameters.max_tokens, model.maxLength);
  const settings = resolveSamplingSettings(
    {
      generationLength: parameters.max_tokens,
      steps: parameters.steps,
      blockLength: parameters.block_length,
      temperature: parameters.temperature,
      guidanceScale: parameters.cfg_scale,
      remasking: parameters.remasking === "random" ? "random" : "low-confidence",
      decoding: threshold === undefined ? undefined : { kind: "threshold", threshold },
      cache: parameters.cache,
      earlyExit: parameters.early_exit,
      revisionSteps: parameters.revision_steps,
      excludeEndOfText: parameters.logits_eos_inf,
      deferEndOfText: parameters.confidence_eos_eot_inf,
    },
    model.specialTokens,
  );
  const canvas = Canvas.start({
    promptTokenIds,
    generationLength: settings.generationLength,
    maskTokenId: settings.maskTokenId,
  });
  const random = createCounterRandom(parameters.seed, canvas.firstColumn);
  return new Generation({
    requestId: order.requestId,
    process: new ReverseProcess(canvas, settings, random),
    maxLength: model.maxLength,
    decoder: model.decoder,
    stops: parameters.stop,
    listener: order.listener,
  });
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
