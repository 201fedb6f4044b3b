import { ApiError } from "#shared/contracts/errors.ts";
import type { CacheKind } from "../sampler/block-cache.ts";
import type { Decoding } from "../sampler/decoding.ts";
import {
  type Remasking,
  resolveSamplingSettings,
  type SamplingSettings,
  type SpecialTokens,
} from "../sampler/sampling-settings.ts";
import type { TextModel } from "./checkpoint-text.ts";
import { ADAPTIVE_FIELD_NAMES, checkBesideAdaptiveLength, readOptions } from "./sample-options.ts";
import type { SampleParameters } from "./sample-request.ts";

/** The decoders' own parameters; each takes the place of the schedule. */
const DECODER_FIELDS = ["threshold", "factor", "entropy_bound"] as const;
/** The sampler's names of fields that are called otherwise here. */
const FIELD_NAMES: Readonly<Record<string, string>> = { confidence_threshold: "threshold" };
const REMASKING: Readonly<Record<SampleParameters["remasking"], Remasking>> = {
  low_confidence: "low-confidence",
  random: "random",
};
const CACHES: Readonly<Record<SampleParameters["algorithm"], CacheKind>> = {
  llada: "none",
  fastdllm_threshold: "none",
  fastdllm_prefix_cache: "prefix",
  fastdllm_dual_cache: "dual",
};
/** The published cached samplers call the model once more where a block's first call fills it. */
const CACHED_MIN_BLOCK_STEPS = 2;
/** The published samplers have no cap under a threshold. */
const UNCAPPED_STEPS = Number.MAX_SAFE_INTEGER;

/**
 * Resolves a request's parameters.
 *
 * @throws {ApiError} As {@link resolveSamplingSettings}, or `invalid_parameter` for a special id that
 *   the model lacks or a parameter that does not go with the others; `param` begins with `params.`.
 */
export function readSettings(parameters: SampleParameters, model: TextModel): SamplingSettings {
  const tokens = readSpecialTokens(parameters, model);
  const options = readOptions(parameters);
  const decoding = options.decoding ?? readDecoding(parameters);
  checkAdaptiveLength(parameters);
  const isScheduled = decoding.kind === "schedule" || decoding.kind === "filling-schedule";
  if (isScheduled && parameters.max_steps !== undefined) {
    throw invalid("max_steps", "goes with threshold, factor, entropy_bound or adaptive_length");
  }
  const cache = CACHES[parameters.algorithm];
  const request = {
    generationLength: parameters.gen_length,
    steps: isScheduled ? parameters.steps : (parameters.max_steps ?? UNCAPPED_STEPS),
    blockLength: parameters.block_length,
    temperature: parameters.temperature,
    guidanceScale: parameters.cfg_scale,
    remasking: REMASKING[parameters.remasking],
    decoding,
    cache,
    minBlockSteps: cache === "none" ? 1 : CACHED_MIN_BLOCK_STEPS,
    excludeEndOfText: parameters.logits_eos_inf,
    deferEndOfText: parameters.confidence_eos_eot_inf,
    ...options,
  };
  try {
    return resolveSamplingSettings(request, tokens);
  } catch (error) {
    throw renameField(error, isScheduled ? {} : fieldNames(parameters));
  }
}

/** The sampler's names of fields that are called otherwise where the steps are not fixed. */
function fieldNames(parameters: SampleParameters): Readonly<Record<string, string>> {
  return parameters.adaptive_length ? ADAPTIVE_FIELD_NAMES : { steps: "max_steps" };
}

/** @throws {ApiError} `invalid_parameter` for a sampler or threshold beside an adaptive length. */
function checkAdaptiveLength(parameters: SampleParameters): void {
  const { algorithm, threshold, factor, entropy_bound } = parameters;
  const named = algorithm === "llada" ? null : algorithm;
  checkBesideAdaptiveLength(parameters, { algorithm: named, threshold, factor, entropy_bound });
}

function readSpecialTokens(parameters: SampleParameters, model: TextModel): SpecialTokens {
  for (const field of ["mask_id", "eos_id", "eot_id"] as const) {
    const id = parameters[field] ?? 0;
    if (id >= model.logitCount) throw invalid(field, `is not below ${model.logitCount}`);
  }
  const { mask_id: mask, eos_id: endOfText, eot_id: endOfTurn } = parameters;
  const known = model.specialTokens;
  return {
    maskTokenId: mask ?? known.maskTokenId,
    endOfTextTokenId: endOfText ?? known.endOfTextTokenId,
    // Null says that there is none; absent leaves it to the model.
    endOfTurnTokenId: endOfTurn === undefined ? known.endOfTurnTokenId : endOfTurn,
  };
}

/** The sampler's refusal with the field as the request spells it. */
function renameField(error: unknown, names: Readonly<Record<string, string>>): unknown {
  if (!(error instanceof ApiError) || error.param === null) return error;
  const field = { ...FIELD_NAMES, ...names }[error.param] ?? error.param;
  return new ApiError(error.code, error.message, { param: `params.${field}` });
}

function readDecoding(parameters: SampleParameters): Decoding {
  const [field, second] = DECODER_FIELDS.filter((name) => typeof parameters[name] === "number");
  if (second !== undefined) throw invalid(second, `cannot be given beside ${field}`);
  if (parameters.algorithm === "llada") {
    if (field !== undefined) throw invalid(field, "goes with the fastdllm algorithms");
    return { kind: "schedule" };
  }
  const { threshold, factor, entropy_bound: bound } = parameters;
  if (typeof threshold === "number") return { kind: "threshold", threshold };
  if (typeof factor === "number") return { kind: "factor", factor };
  if (typeof bound === "number") return { kind: "entropy-bound", bound };
  return { kind: "filling-schedule" };
}

function invalid(field: string, complaint: string): ApiError {
  const param = `params.${field}`;
  return new ApiError("invalid_parameter", `The field ${param} ${complaint}.`, { param });
}
