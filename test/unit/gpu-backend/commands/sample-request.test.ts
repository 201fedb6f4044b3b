import { describe, it } from "vitest";
import {
  checkAttentionMask,
  checkNoise,
  checkPromptRows,
  readPrompt,
  sampleRequestSchema,
} from "../../../../gpu-backend/commands/sample-request.ts";
import { readSettings } from "../../../../gpu-backend/commands/sample-settings.ts";
import { ApiError } from "../../../../shared/contracts/errors.ts";

const MODEL = {
  maxLength: 32,
  logitCount: 10,
  specialTokens: { maskTokenId: 9, endOfTextTokenId: 8, endOfTurnTokenId: 7 },
};
const SHORT = { steps: 2, gen_length: 4, block_length: 4 };
const FAST = { ...SHORT, algorithm: "fastdllm_threshold" };

/** What the request is refused with: code and field; null if it is accepted. */
function refusal(request: unknown): [string, string | null] | null {
  const parsed = sampleRequestSchema.safeParse(request);
  if (!parsed.success) return ["schema", parsed.error.issues[0]?.path.join(".") ?? ""];
  try {
    const prompt = readPrompt(parsed.data);
    const settings = readSettings(parsed.data.params, MODEL);
    if (prompt.field !== "prompt_ids") return null;
    checkPromptRows(prompt.rows, prompt.field, settings, MODEL);
    checkAttentionMask(parsed.data.attention_mask, prompt.rows);
    const length = (prompt.rows[0]?.length ?? 0) + settings.generationLength;
    const { noise } = parsed.data;
    if (noise !== undefined) checkNoise(noise, prompt.rows.length, length, settings, MODEL);
    return null;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return [error.code, error.param];
  }
}

function gumbel(rows: number, columns: number, vocabulary: number, draw = 0.5): unknown {
  const columnDraws = () => Array.from({ length: vocabulary }, () => draw);
  const rowDraws = () => Array.from({ length: columns }, columnDraws);
  return { kind: "gumbel", uniform: Array.from({ length: rows }, rowDraws) };
}

describe("the request of unmask sample", () => {
  it("has the defaults of LLaDA's generate()", ({ expect }) => {
    const { params } = sampleRequestSchema.parse({ prompt_ids: [[1]] });
    expect(params).toEqual({
      algorithm: "llada",
      steps: 128,
      gen_length: 128,
      block_length: 128,
      temperature: 0,
      cfg_scale: 0,
      remasking: "low_confidence",
      logits_eos_inf: false,
      confidence_eos_eot_inf: false,
      seed: 0,
    });
  });

  it("takes special ids from the model unless it names them", ({ expect }) => {
    const settingsOf = (params: object) =>
      readSettings(sampleRequestSchema.parse({ params: { ...SHORT, ...params } }).params, MODEL);
    expect(settingsOf({})).toMatchObject(MODEL.specialTokens);
    expect(settingsOf({ mask_id: 1, eos_id: 2, eot_id: null })).toMatchObject({
      maskTokenId: 1,
      endOfTextTokenId: 2,
      endOfTurnTokenId: null,
    });
  });

  it.for<[string, unknown, ReturnType<typeof refusal>]>([
    ["ids", { prompt_ids: [[1, 2]], params: SHORT }, null],
    ["a mask for padding", { prompt_ids: [[0, 2]], attention_mask: [[0, 1]], params: SHORT }, null],
    ["a text", { prompt: "a", params: SHORT }, null],
    ["no prompt", { params: SHORT }, ["missing_parameter", "prompt_ids"]],
    ["two prompts", { prompt_ids: [[1]], prompt: "a" }, ["invalid_parameter", "prompt"]],
    ["no row", { prompt_ids: [] }, ["schema", "prompt_ids"]],
    ["an empty row", { prompt_ids: [[]], params: SHORT }, ["empty_prompt", "prompt_ids"]],
    [
      "ragged rows",
      { prompt_ids: [[1], [1, 2]], params: SHORT },
      ["invalid_parameter", "prompt_ids.1"],
    ],
    ["a negative id", { prompt_ids: [[-1]] }, ["schema", "prompt_ids.0.0"]],
    [
      "an id too large",
      { prompt_ids: [[1, 10]], params: SHORT },
      ["invalid_parameter", "prompt_ids.0.1"],
    ],
    [
      "a mask of another shape",
      { prompt_ids: [[1]], attention_mask: [[1, 1]], params: SHORT },
      ["invalid_parameter", "attention_mask.0"],
    ],
    [
      "a mask for a text",
      { prompt: "a", attention_mask: [[1]], params: SHORT },
      ["invalid_parameter", "attention_mask"],
    ],
    [
      "too long",
      { prompt_ids: [[1]], params: { ...SHORT, gen_length: 32, block_length: 32 } },
      ["context_length_exceeded", "prompt_ids"],
    ],
    ["an unknown field", { prompt_ids: [[1]], stepz: 1 }, ["schema", ""]],
    ["an unknown parameter", { prompt_ids: [[1]], params: { stepz: 1 } }, ["schema", "params"]],
    [
      "uneven blocks",
      { prompt_ids: [[1]], params: { ...SHORT, block_length: 3 } },
      ["block_length_not_a_divisor", "params.block_length"],
    ],
    [
      "too few steps",
      { prompt_ids: [[1]], params: { ...SHORT, block_length: 1 } },
      ["more_blocks_than_steps", "params.steps"],
    ],
    [
      "a cold model",
      { prompt_ids: [[1]], params: { ...SHORT, temperature: -1 } },
      ["invalid_parameter", "params.temperature"],
    ],
    [
      "a mask id too large",
      { prompt_ids: [[1]], params: { ...SHORT, mask_id: 10 } },
      ["invalid_parameter", "params.mask_id"],
    ],
    [
      "noise without use",
      { prompt_ids: [[1]], params: SHORT, noise: [gumbel(1, 5, 10)] },
      ["invalid_parameter", "noise"],
    ],
    [
      "noise",
      {
        prompt_ids: [[1]],
        params: { ...SHORT, temperature: 1 },
        noise: [gumbel(1, 5, 10), gumbel(1, 5, 10)],
      },
      null,
    ],
    [
      "noise for too few steps",
      { prompt_ids: [[1]], params: { ...SHORT, temperature: 1 }, noise: [gumbel(1, 5, 10)] },
      ["invalid_parameter", "noise"],
    ],
    [
      "noise of another shape",
      {
        prompt_ids: [[1]],
        params: { ...SHORT, temperature: 1 },
        noise: [gumbel(1, 5, 10), gumbel(1, 5, 9)],
      },
      ["invalid_parameter", "noise.1.uniform.0.0"],
    ],
    [
      "noise that is no logarithm's argument",
      {
        prompt_ids: [[1]],
        params: { ...SHORT, temperature: 1 },
        noise: [gumbel(1, 5, 10, 0), gumbel(1, 5, 10)],
      },
      ["invalid_parameter", "noise.0.uniform"],
    ],
    ["noise for a text", { prompt: "a", params: SHORT, noise: [] }, ["invalid_parameter", "noise"]],
    [
      "a threshold for LLaDA",
      { prompt_ids: [[1]], params: { ...SHORT, threshold: 0.5 } },
      ["invalid_parameter", "params.threshold"],
    ],
    [
      "a null threshold for LLaDA",
      { prompt_ids: [[1]], params: { ...SHORT, threshold: null } },
      null,
    ],
    ["a threshold", { prompt_ids: [[1]], params: { ...FAST, threshold: 0.5, max_steps: 2 } }, null],
    [
      "a threshold out of range",
      { prompt_ids: [[1]], params: { ...FAST, threshold: 1.5 } },
      ["invalid_parameter", "params.threshold"],
    ],
    [
      "a factor out of range",
      { prompt_ids: [[1]], params: { ...FAST, factor: 0 } },
      ["invalid_parameter", "params.factor"],
    ],
    [
      "a bound out of range",
      { prompt_ids: [[1]], params: { ...FAST, entropy_bound: -1 } },
      ["invalid_parameter", "params.entropy_bound"],
    ],
    [
      "two decoders",
      { prompt_ids: [[1]], params: { ...FAST, threshold: 0.5, factor: 1 } },
      ["invalid_parameter", "params.factor"],
    ],
    [
      "a cap on a schedule",
      { prompt_ids: [[1]], params: { ...FAST, max_steps: 2 } },
      ["invalid_parameter", "params.max_steps"],
    ],
    [
      "a cap below the blocks",
      { prompt_ids: [[1]], params: { ...FAST, block_length: 1, factor: 1, max_steps: 3 } },
      ["more_blocks_than_steps", "params.max_steps"],
    ],
    [
      "several rows for Fast-dLLM",
      { prompt_ids: [[1], [2]], params: FAST },
      ["invalid_parameter", "prompt_ids"],
    ],
    [
      "noise for Fast-dLLM",
      { prompt_ids: [[1]], params: { ...FAST, temperature: 1 }, noise: [] },
      ["invalid_parameter", "noise"],
    ],
    [
      "an unknown algorithm",
      { prompt_ids: [[1]], params: { algorithm: "x" } },
      ["schema", "params.algorithm"],
    ],
  ])("is accepted or refused by its content: %s", ([, request, wanted], { expect }) => {
    expect(refusal(request)).toEqual(wanted);
  });
});
