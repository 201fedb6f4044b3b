import { describe, it } from "vitest";
import { Canvas } from "../../../../gpu-backend/canvas/canvas.ts";
import {
  checkNoise,
  checkPromptRows,
  checkStop,
  readPrompt,
  sampleRequestSchema,
} from "../../../../gpu-backend/commands/sample-request.ts";
import { checkModel } from "../../../../gpu-backend/commands/sample-resume.ts";
import { readSettings } from "../../../../gpu-backend/commands/sample-settings.ts";
import { createCounterRandom } from "../../../../gpu-backend/sampler/counter-random.ts";
import { ReverseProcess } from "../../../../gpu-backend/sampler/reverse-process.ts";
import { ApiError } from "../../../../shared/contracts/errors.ts";

const MODEL = {
  maxLength: 32,
  logitCount: 10,
  specialTokens: { maskTokenId: 9, endOfTextTokenId: 8, endOfTurnTokenId: 7 },
};
const SHORT = { steps: 2, gen_length: 4, block_length: 4 };
const DAEDAL = { gen_length: 4, adaptive_length: { max_gen_length: 16 } };

const settingsOf = (params: object) =>
  readSettings(sampleRequestSchema.parse({ params }).params, MODEL);

/** What the request is refused with: code and field; null if it is accepted. */
function refusal(params: object, rest: object = {}): [string, string | null] | null {
  const parsed = sampleRequestSchema.safeParse({ prompt_ids: [[1]], params, ...rest });
  if (!parsed.success) return ["schema", parsed.error.issues[0]?.path.join(".") ?? ""];
  try {
    const settings = readSettings(parsed.data.params, MODEL);
    const prompt = readPrompt(parsed.data);
    const rows = prompt.field === "prompt_ids" ? prompt.rows : [];
    checkPromptRows(rows, "prompt_ids", settings, MODEL);
    checkStop(parsed.data, rows.length);
    if (parsed.data.noise) checkNoise(parsed.data.noise, 1, 5, settings, MODEL);
    return null;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return [error.code, error.param];
  }
}

describe("the options of unmask sample", () => {
  it("are off when left out", ({ expect }) => {
    expect(settingsOf(SHORT)).toMatchObject({
      earlyExit: false,
      adaptiveLength: null,
      revisionSteps: 0,
    });
  });

  it("have DAEDAL's names and defaults for an adaptive length", ({ expect }) => {
    expect(settingsOf({ adaptive_length: {} })).toMatchObject({
      blockLength: 32,
      generationLength: 128,
      decoding: { kind: "threshold", threshold: 0.9 },
      adaptiveLength: { maxLength: 2048, expansion: 8, endWindow: 32 },
    });
    const adaptive_length = {
      max_gen_length: 20,
      block_length: 3,
      high_conf_threshold: 0.7,
      low_conf_threshold: 0.2,
      expansion_factor: 4,
      eos_check_tokens: 6,
      eos_confidence_threshold: 0.3,
      expand_eos_confidence_threshold: 0.4,
    };
    expect(settingsOf({ gen_length: 4, max_steps: 9, adaptive_length })).toMatchObject({
      steps: 9,
      blockLength: 3,
      decoding: { kind: "threshold", threshold: 0.7 },
      adaptiveLength: {
        maxLength: 20,
        lowConfidence: 0.2,
        expansion: 4,
        endWindow: 6,
        initialEndConfidence: 0.3,
        endConfidence: 0.4,
      },
    });
  });

  const invalid = (field: string): [string, string] => ["invalid_parameter", field];
  const noise = [
    { kind: "gumbel", uniform: [Array.from({ length: 5 }, () => Array<number>(10).fill(0.5))] },
  ];
  it.for<[string, object, ReturnType<typeof refusal>, object?]>([
    ["early exit", { ...SHORT, early_exit: true }, null],
    ["an adaptive length", DAEDAL, null],
    ["revision", { ...SHORT, revision_steps: 2, revision_threshold: 0.5 }, null],
    ["a stop", SHORT, null, { stop_after: 1 }],
    ["a word for early exit", { early_exit: "yes" }, ["schema", "params.early_exit"]],
    [
      "an unknown parameter of DAEDAL",
      { adaptive_length: { tau: 1 } },
      ["schema", "params.adaptive_length"],
    ],
    ["negative revision", { ...SHORT, revision_steps: -1 }, invalid("params.revision_steps")],
    ["half a revision", { ...SHORT, revision_steps: 0.5 }, invalid("params.revision_steps")],
    [
      "revision by chance",
      { ...SHORT, revision_steps: 1, remasking: "random" },
      invalid("params.revision_steps"),
    ],
    [
      "a doubt above certainty",
      { ...SHORT, revision_threshold: 1.5 },
      invalid("params.revision_threshold"),
    ],
    [
      "a cap below the beginning",
      { gen_length: 4, adaptive_length: { max_gen_length: 3 } },
      invalid("params.adaptive_length.max_gen_length"),
    ],
    [
      "a block of no column",
      { gen_length: 4, adaptive_length: { max_gen_length: 8, block_length: 0 } },
      invalid("params.adaptive_length.block_length"),
    ],
    [
      "a confidence above certainty",
      { gen_length: 4, adaptive_length: { max_gen_length: 8, high_conf_threshold: 2 } },
      invalid("params.adaptive_length.high_conf_threshold"),
    ],
    [
      "an expansion by nothing",
      { gen_length: 4, adaptive_length: { max_gen_length: 8, expansion_factor: 1 } },
      invalid("params.adaptive_length.expansion_factor"),
    ],
    [
      "a threshold beside DAEDAL's",
      { ...DAEDAL, algorithm: "llada", threshold: 0.5 },
      invalid("params.threshold"),
    ],
    [
      "a sampler beside DAEDAL",
      { ...DAEDAL, algorithm: "fastdllm_threshold" },
      invalid("params.algorithm"),
    ],
    [
      "a cap that the model does not hold",
      { gen_length: 4, adaptive_length: { max_gen_length: 32 } },
      ["context_length_exceeded", "prompt_ids"],
    ],
    [
      "several rows that end by themselves",
      { ...SHORT, early_exit: true },
      invalid("prompt_ids"),
      { prompt_ids: [[1], [2]] },
    ],
    [
      "noise for a run that ends by itself",
      { ...SHORT, steps: 1, temperature: 1, early_exit: true },
      invalid("noise"),
      { noise },
    ],
    [
      "a stop beside noise",
      { ...SHORT, steps: 1, temperature: 1 },
      invalid("stop_after"),
      { noise, stop_after: 1 },
    ],
    [
      "a stop of several rows",
      SHORT,
      invalid("stop_after"),
      { prompt_ids: [[1], [2]], stop_after: 1 },
    ],
    ["a stop before the start", SHORT, ["schema", "stop_after"], { stop_after: -1 }],
  ])("are accepted or refused with code and field: %s", ([, params, wanted, rest], { expect }) => {
    expect(refusal(params, rest)).toEqual(wanted);
  });
});

describe("a state", () => {
  it("is refused on a model that it does not fit", ({ expect }) => {
    const settings = settingsOf(SHORT);
    const canvas = Canvas.start({ promptTokenIds: [6], generationLength: 4, maskTokenId: 9 });
    const process = new ReverseProcess(canvas, settings, createCounterRandom(0, 0));
    const refused = expect.objectContaining({ code: "invalid_parameter", param: "state" });
    expect(() => checkModel(process, MODEL)).not.toThrow();
    expect(() => checkModel(process, { ...MODEL, logitCount: 9 })).toThrow(refused);
    expect(() => checkModel(process, { ...MODEL, maxLength: 4 })).toThrow(refused);
  });
});
