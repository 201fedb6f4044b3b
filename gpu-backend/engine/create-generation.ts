import type { GenerationParameters } from "#shared/contracts/node-wire.ts";
import type { TemplatePart, TokenCodec } from "../infilling/template.ts";
import { createCounterRandom } from "../sampler/counter-random.ts";
import { ReverseProcess } from "../sampler/reverse-process.ts";
import { resolveSamplingSettings, type SpecialTokens } from "../sampler/sampling-settings.ts";
import { Generation } from "./generation.ts";
import type { GenerationListener } from "./generation-event.ts";
import { layOutOrder } from "./order-canvas.ts";
import type { TokenDecoder } from "./text-assembly.ts";

/** What a generation needs to know of the model. */
export interface GenerationModel {
  /** Canvas columns at most. */
  readonly maxLength: number;
  readonly specialTokens: SpecialTokens;
  readonly decoder: TokenDecoder;
  /** How text around holes becomes tokens, and what each token says in a hole. */
  readonly codec: TokenCodec;
}

/** A checked request with its prompt in tokens. */
export interface GenerationOrder {
  readonly requestId: string;
  readonly promptTokenIds: ArrayLike<number>;
  /** Text and holes of one length each, after the prompt, which may then be empty. */
  readonly template?: readonly TemplatePart[];
  readonly parameters: GenerationParameters;
  readonly listener: GenerationListener;
}

/**
 * Puts a request on a canvas of its own.
 *
 * @throws {ApiError} what {@link layOutOrder} and `resolveSamplingSettings` throw.
 */
export function createGeneration(order: GenerationOrder, model: GenerationModel): Generation {
  const { parameters } = order;
  const { confidence_threshold: threshold } = parameters;
  const { canvas, constraint } = layOutOrder(order, model);
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
      // A template is as long as it is given.
      earlyExit: parameters.early_exit && canvas.holeColumns === null,
      revisionSteps: parameters.revision_steps,
      excludeEndOfText: parameters.logits_eos_inf,
      deferEndOfText: parameters.confidence_eos_eot_inf,
    },
    model.specialTokens,
  );
  const random = createCounterRandom(parameters.seed, canvas.firstColumn);
  return new Generation({
    requestId: order.requestId,
    process: new ReverseProcess(canvas, settings, random, constraint),
    maxLength: model.maxLength,
    decoder: model.decoder,
    stops: parameters.stop,
    listener: order.listener,
  });
}
