/**
 * LLaDA's `config.json`.
 *
 * Owns: what each key means to us. A key is honoured, or has the one value that the graph implements,
 * or is known to be without meaning for inference; anything else is refused, never ignored.
 * Does not own: the tensors (tensor-table.ts), the graph (graph.ts).
 */

import { z } from "zod";
import { ApiError } from "#shared/contracts/errors.ts";
import { QUANTIZATIONS, type Quantization } from "./quantization.ts";

/** Shape and special ids of a network, checked for consistency. */
export interface CheckpointConfig {
  /** Width of the residual stream. */
  readonly modelSize: number;
  readonly layerCount: number;
  /** Query heads. */
  readonly headCount: number;
  /** Key and value heads; divides `headCount`. */
  readonly kvHeadCount: number;
  /** Width of a head; even. */
  readonly headSize: number;
  readonly mlpHiddenSize: number;
  /** Tokens that have a meaning. */
  readonly vocabularySize: number;
  /** Rows of the embedding and columns of the logits; at least `vocabularySize`. */
  readonly embeddingSize: number;
  /** Most columns of a canvas. */
  readonly maxSequenceLength: number;
  readonly ropeTheta: number;
  readonly rmsNormEpsilon: number;
  /** True if the output head is the embedding. */
  readonly hasTiedWeights: boolean;
  readonly maskTokenId: number;
  readonly eosTokenId: number;
  readonly padTokenId: number;
  /** Form of the linear weights; null as published. */
  readonly quantization: Quantization | null;
  /** True if no column attends to a later one: an autoregressive model, which predicts no mask. */
  readonly isCausal: boolean;
}

/** A key of ours, in checkpoints that `unmask import --quantize` wrote. */
export const QUANTIZATION_KEY = "unmask_quantization";
/** A key of ours, in the autoregressive twins that `npm run train -- --twin` writes. */
export const CAUSAL_KEY = "unmask_causal";

/** Far above any network; keeps a corrupt count from filling the memory. */
const MAX_COUNT = 2 ** 24;
const MAX_LAYERS = 10_000;

const count = z.int().positive().max(MAX_COUNT);
const tokenId = z.int().nonnegative();
const isFalse = z.literal(false).optional();
const isFalseOrNull = z.literal(false).nullish();
const isTrue = z.literal(true).optional();
const isWithoutMeaning = z.unknown().optional();

// Where a key may be absent, its absence means what the published configuration class defaults to.
const configSchema = z.strictObject({
  // Honoured.
  d_model: count,
  n_layers: count.max(MAX_LAYERS),
  n_heads: count,
  n_kv_heads: count.nullish(),
  mlp_hidden_size: count.nullish(),
  mlp_ratio: z.number().positive().default(4),
  vocab_size: count,
  embedding_size: count.nullish(),
  max_sequence_length: count.default(1024),
  rope_theta: z.number().positive().default(10_000),
  rms_norm_eps: z.number().positive().default(1e-5),
  weight_tying: z.boolean().default(true),
  mask_token_id: tokenId,
  eos_token_id: tokenId,
  pad_token_id: tokenId.nullish(),
  [QUANTIZATION_KEY]: z.enum(QUANTIZATIONS).nullish(),
  [CAUSAL_KEY]: z.boolean().nullish(),

  // The one value that the graph implements.
  model_type: z.literal("llada").optional(),
  block_type: z.literal("llama"),
  block_group_size: z.literal(1).optional(),
  layer_norm_type: z.literal("rms"),
  layer_norm_with_affine: isTrue,
  bias_for_layer_norm: isFalseOrNull,
  activation_type: z.literal("silu"),
  rope: z.literal(true),
  alibi: isFalse,
  attention_layer_norm: isFalse,
  multi_query_attention: isFalseOrNull,
  include_bias: isFalse,
  include_qkv_bias: isFalse,
  input_emb_norm: isFalse,
  scale_logits: isFalse,

  // Without meaning here: training, initialisation, loading code, or an option of one that is off.
  alibi_bias_max: isWithoutMeaning,
  attention_layer_norm_with_affine: isWithoutMeaning,
  attention_dropout: isWithoutMeaning,
  embedding_dropout: isWithoutMeaning,
  residual_dropout: isWithoutMeaning,
  rope_full_precision: isWithoutMeaning, // Everything is computed in float32.
  flash_attention: isWithoutMeaning,
  init_cutoff_factor: isWithoutMeaning,
  init_device: isWithoutMeaning,
  init_fn: isWithoutMeaning,
  init_std: isWithoutMeaning,
  precision: isWithoutMeaning,
  torch_dtype: isWithoutMeaning,
  dtype: isWithoutMeaning,
  use_cache: isWithoutMeaning,
  return_dict: isWithoutMeaning,
  architectures: isWithoutMeaning,
  auto_map: isWithoutMeaning,
  transformers_version: isWithoutMeaning,
  _name_or_path: isWithoutMeaning,
  bos_token_id: isWithoutMeaning, // The tokenizer's business.
  tie_word_embeddings: isWithoutMeaning, // The published code reads `weight_tying` instead.
});

/**
 * Reads a parsed `config.json`.
 *
 * @throws {ApiError} `config_not_supported`; `param` is the key.
 */
export function parseCheckpointConfig(json: unknown): CheckpointConfig {
  const result = configSchema.safeParse(json);
  if (!result.success) {
    throw toApiError(result.error, json);
  }
  const keys = result.data;
  const config: CheckpointConfig = {
    modelSize: keys.d_model,
    layerCount: keys.n_layers,
    headCount: keys.n_heads,
    kvHeadCount: keys.n_kv_heads ?? keys.n_heads,
    headSize: keys.d_model / keys.n_heads,
    mlpHiddenSize: keys.mlp_hidden_size ?? keys.mlp_ratio * keys.d_model,
    vocabularySize: keys.vocab_size,
    embeddingSize: keys.embedding_size ?? keys.vocab_size,
    maxSequenceLength: keys.max_sequence_length,
    ropeTheta: keys.rope_theta,
    rmsNormEpsilon: keys.rms_norm_eps,
    hasTiedWeights: keys.weight_tying,
    maskTokenId: keys.mask_token_id,
    eosTokenId: keys.eos_token_id,
    padTokenId: keys.pad_token_id ?? keys.eos_token_id,
    quantization: keys[QUANTIZATION_KEY] ?? null,
    isCausal: keys[CAUSAL_KEY] ?? false,
  };
  if (keys.multi_query_attention === false) {
    demand(
      config.kvHeadCount === config.headCount,
      "multi_query_attention",
      "is false although n_kv_heads differs from n_heads",
    );
  }
  checkConsistency(config);
  return config;
}

function checkConsistency(config: CheckpointConfig): void {
  demand(Number.isInteger(config.headSize), "n_heads", "does not divide d_model");
  demand(config.headSize % 2 === 0, "n_heads", "gives heads of odd width, which cannot be rotated");
  demand(config.headCount % config.kvHeadCount === 0, "n_kv_heads", "does not divide n_heads");
  demand(Number.isInteger(config.mlpHiddenSize), "mlp_ratio", "times d_model is not an integer");
  demand(
    config.embeddingSize >= config.vocabularySize,
    "embedding_size",
    "is smaller than vocab_size",
  );
  for (const [key, id] of [
    ["mask_token_id", config.maskTokenId],
    ["eos_token_id", config.eosTokenId],
    ["pad_token_id", config.padTokenId],
  ] as const) {
    demand(id < config.embeddingSize, key, "has no row in the embedding");
  }
}

function demand(condition: boolean, key: string, complaint: string): void {
  if (!condition) {
    throw notSupported(key, complaint);
  }
}

function toApiError(error: z.ZodError, json: unknown): ApiError {
  // An unknown key says more than the keys that a foreign configuration lacks.
  const unknown = error.issues.find((issue) => issue.code === "unrecognized_keys");
  if (unknown?.code === "unrecognized_keys") {
    return notSupported(unknown.keys[0] ?? "", "is not a known key");
  }
  const issue = error.issues[0];
  const key = issue?.path.map(String).join(".") ?? "";
  const isMissing = key !== "" && !Object.hasOwn(Object(json), key);
  return notSupported(
    key,
    isMissing ? "is missing" : `is not supported: ${issue?.message ?? "invalid"}`,
  );
}

function notSupported(key: string, complaint: string): ApiError {
  const subject = key === "" ? "config.json" : `config.json: ${key}`;
  return new ApiError("config_not_supported", `${subject} ${complaint}.`, {
    param: key === "" ? null : key,
  });
}
