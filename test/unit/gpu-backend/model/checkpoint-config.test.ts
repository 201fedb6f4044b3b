import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, it } from "vitest";
import { ApiError } from "#shared/contracts/errors.ts";
import { parseCheckpointConfig } from "../../../../gpu-backend/model/checkpoint-config.ts";
import { TINY_CONFIG } from "../../../support/write-checkpoint.ts";

function parse(changes: Readonly<Record<string, unknown>>) {
  // As in a file: a key that is undefined is not there.
  return parseCheckpointConfig(JSON.parse(JSON.stringify({ ...TINY_CONFIG, ...changes })));
}

describe("parseCheckpointConfig", () => {
  it("reads every key of the published configuration", ({ expect }) => {
    const file = new URL("../../../golden/tiny-gqa/config.json", import.meta.url);
    expect(parseCheckpointConfig(JSON.parse(readFileSync(file, "utf8")))).toEqual({
      modelSize: 48,
      layerCount: 2,
      headCount: 6,
      kvHeadCount: 2,
      headSize: 8,
      mlpHiddenSize: 96,
      vocabularySize: 131,
      embeddingSize: 131,
      maxSequenceLength: 512,
      ropeTheta: 10_000,
      rmsNormEpsilon: 1e-5,
      hasTiedWeights: false,
      maskTokenId: 130,
      eosTokenId: 128,
      padTokenId: 128,
      quantization: null,
      isCausal: false,
    });
  });

  it.for([
    [{ n_kv_heads: undefined }, { kvHeadCount: 4 }],
    [{ n_kv_heads: null, multi_query_attention: false }, { kvHeadCount: 4 }],
    [{ mlp_hidden_size: null, mlp_ratio: 3 }, { mlpHiddenSize: 96 }],
    [{ mlp_hidden_size: undefined }, { mlpHiddenSize: 128 }],
    [{ embedding_size: null }, { embeddingSize: 62 }],
    [{ rope_theta: undefined }, { ropeTheta: 10_000 }],
    [{ rms_norm_eps: undefined }, { rmsNormEpsilon: 1e-5 }],
    [{ max_sequence_length: undefined }, { maxSequenceLength: 1024 }],
    [{ weight_tying: undefined }, { hasTiedWeights: true }],
    [{ pad_token_id: undefined, eos_token_id: 7 }, { padTokenId: 7 }],
  ] as const)(
    "fills in what the published class defaults to: %j",
    ([changes, expected], { expect }) => {
      expect(parse(changes)).toMatchObject(expected);
    },
  );

  it.for([
    "architectures",
    "auto_map",
    "init_std",
    "precision",
    "torch_dtype",
    "transformers_version",
    "use_cache",
    "flash_attention",
    "residual_dropout",
    "alibi_bias_max",
    "rope_full_precision",
  ])("takes %s, which means nothing for inference", (key, { expect }) => {
    expect(parse({ [key]: "anything" })).toEqual(parse({}));
  });

  it.for([
    ["block_type", "sequential"],
    ["block_group_size", 2],
    ["layer_norm_type", "default"],
    ["layer_norm_with_affine", false],
    ["bias_for_layer_norm", true],
    ["activation_type", "swiglu"],
    ["rope", false],
    ["alibi", true],
    ["attention_layer_norm", true],
    ["multi_query_attention", true],
    ["include_bias", true],
    ["include_qkv_bias", true],
    ["input_emb_norm", true],
    ["scale_logits", true],
    ["model_type", "llama"],
    ["rope_scaling", { type: "linear" }],
    ["sliding_window", null],
    ["d_model", undefined],
    ["d_model", "32"],
    ["d_model", 32.5],
    ["n_layers", 0],
    ["n_layers", 1e9],
    ["max_sequence_length", 1e12],
    ["block_type", undefined],
    ["activation_type", undefined],
    ["rope", undefined],
    ["rope_theta", 0],
    ["rms_norm_eps", -1],
    ["mask_token_id", undefined],
    ["mask_token_id", 64],
    ["eos_token_id", 64],
    ["eos_token_id", -1],
    ["pad_token_id", 100],
    ["n_heads", 5],
    ["n_heads", 32],
    ["n_kv_heads", 3],
    ["embedding_size", 61],
  ] as const)("refuses and names %s = %j", ([key, value], { expect }) => {
    expect(() => parse({ [key]: value })).toThrowError(
      expect.objectContaining({
        code: "config_not_supported",
        param: key,
        message: expect.stringContaining(key),
      }),
    );
  });

  it("says of a foreign configuration which key is unknown, not which are missing", ({
    expect,
  }) => {
    expect(() => parseCheckpointConfig({ model_type: "llada", num_experts: 64 })).toThrowError(
      expect.objectContaining({ param: "num_experts" }),
    );
  });

  it("refuses grouped queries where multi_query_attention says no", ({ expect }) => {
    expect(() => parse({ n_kv_heads: 2, multi_query_attention: false })).toThrowError(
      expect.objectContaining({ param: "multi_query_attention" }),
    );
  });

  it("refuses a width by ratio that is no integer", ({ expect }) => {
    expect(() => parse({ mlp_hidden_size: null, mlp_ratio: 2.01 })).toThrowError(
      expect.objectContaining({ param: "mlp_ratio" }),
    );
  });

  it("answers any value of any key with a config or an error of ours", ({ expect }) => {
    const key = fc.constantFrom(...Object.keys(TINY_CONFIG), "mlp_ratio", "alibi", "novel");
    fc.assert(
      fc.property(fc.dictionary(key, fc.jsonValue()), (changes) => {
        try {
          parse(changes);
        } catch (error) {
          expect(error).toBeInstanceOf(ApiError);
        }
      }),
    );
  });

  it.for([[null], [[]], ["text"], [7]] as const)(
    "refuses %j in place of an object",
    ([json], { expect }) => {
      expect(() => parseCheckpointConfig(json)).toThrowError(
        expect.objectContaining({ code: "config_not_supported" }),
      );
    },
  );
});
