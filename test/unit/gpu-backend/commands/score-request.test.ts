import { describe, it } from "vitest";
import type { CheckpointText } from "../../../../gpu-backend/commands/checkpoint-text.ts";
import {
  needsText,
  readAnswers,
  readFields,
  scoreRequestSchema,
} from "../../../../gpu-backend/commands/score-request.ts";
import { ApiError } from "../../../../shared/contracts/errors.ts";

const MODEL = {
  maxLength: 8,
  logitCount: 10,
  specialTokens: { maskTokenId: 9, endOfTextTokenId: 8, endOfTurnTokenId: 7 },
};
/** One id per letter, `a` being 0. */
const TEXT = {
  tokenizer: { encode: (text: string) => [...text].map((letter) => letter.charCodeAt(0) - 97) },
  chatTemplate: { encode: (messages: readonly unknown[]) => [messages.length] },
} as unknown as CheckpointText;

function read(request: unknown): unknown {
  const parsed = scoreRequestSchema.safeParse(request);
  if (!parsed.success) return ["schema", parsed.error.issues[0]?.path.join(".") ?? ""];
  try {
    const fields = readFields(parsed.data);
    const answers = readAnswers(parsed.data, fields, MODEL, TEXT);
    return answers.map((answer) => [answer.promptTokenIds, answer.answerTokenIds]);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return [error.code, error.param];
  }
}

describe("the request of unmask score", () => {
  it.for<[string, unknown, unknown]>([
    ["ids", { prompt_ids: [1], answer_ids: [2, 3] }, [[[1], [2, 3]]]],
    ["no prompt before the answer", { prompt_ids: [], answer_ids: [2] }, [[[], [2]]]],
    ["texts", { prompt: "bc", answer: "d" }, [[[1, 2], [3]]]],
    [
      "a conversation",
      { messages: [{ role: "user", content: "x" }], answer_ids: [2] },
      [[[1], [2]]],
    ],
    [
      "choices of ids",
      { prompt_ids: [1], choices: [[2], [3]] },
      [
        [[1], [2]],
        [[1], [3]],
      ],
    ],
    [
      "choices of texts",
      { prompt_ids: [1], choices: ["c", "d"] },
      [
        [[1], [2]],
        [[1], [3]],
      ],
    ],
    ["no prompt", { answer_ids: [2] }, ["missing_parameter", "prompt_ids"]],
    ["no answer", { prompt_ids: [2] }, ["missing_parameter", "answer_ids"]],
    ["two prompts", { prompt_ids: [1], prompt: "b", answer: "c" }, ["invalid_parameter", "prompt"]],
    [
      "two answers",
      { prompt: "b", answer_ids: [1], choices: [[1]] },
      ["invalid_parameter", "choices"],
    ],
    ["an empty answer", { prompt: "b", answer: "" }, ["invalid_parameter", "answer"]],
    ["an empty choice", { prompt: "b", choices: [[1], []] }, ["invalid_parameter", "choices.1"]],
    ["mixed choices", { prompt: "b", choices: [[1], "c"] }, ["schema", "choices"]],
    [
      "an id too large",
      { prompt_ids: [1], answer_ids: [2, 10] },
      ["invalid_parameter", "answer_ids.1"],
    ],
    [
      "a mask in the prompt",
      { prompt_ids: [1, 9], answer_ids: [2] },
      ["invalid_parameter", "prompt_ids.1"],
    ],
    ["another mask id", { prompt_ids: [1, 9], answer_ids: [2], mask_id: 5 }, [[[1, 9], [2]]]],
    [
      "a mask id too large",
      { prompt_ids: [1], answer_ids: [2], mask_id: 10 },
      ["invalid_parameter", "mask_id"],
    ],
    [
      "too long",
      { prompt_ids: [1, 1, 1, 1], answer_ids: [2, 2, 2, 2, 2] },
      ["context_length_exceeded", "answer_ids"],
    ],
    ["an unknown field", { prompt_ids: [1], answer_ids: [2], steps: 3 }, ["schema", ""]],
    [
      "guidance out of range",
      { prompt_ids: [1], answer_ids: [2], cfg_scale: 11 },
      ["schema", "cfg_scale"],
    ],
    [
      "a seed beside noisy rows",
      { prompt_ids: [1], answer_ids: [2], noisy_ids: [[[1, 9]]], seed: 1 },
      ["invalid_parameter", "seed"],
    ],
    [
      "another number of rows",
      { prompt_ids: [1], answer_ids: [2], noisy_ids: [[[1, 9]]], mc_num: 2 },
      ["invalid_parameter", "mc_num"],
    ],
    [
      "another size of batches",
      { prompt_ids: [1], answer_ids: [2], noisy_ids: [[[1, 9]]], batch_size: 2 },
      ["invalid_parameter", "batch_size"],
    ],
    [
      "noisy rows for choices",
      { prompt_ids: [1], choices: [[2]], noisy_ids: [[[1, 9]]] },
      ["invalid_parameter", "noisy_ids"],
    ],
  ])("is read or refused by its content: %s", ([, request, wanted], { expect }) => {
    expect(read(request)).toEqual(wanted);
  });

  it("needs a tokenizer only where something is text", ({ expect }) => {
    const needs = (request: unknown) => {
      const parsed = scoreRequestSchema.parse(request);
      return needsText(parsed, readFields(parsed));
    };
    expect(needs({ prompt_ids: [1], answer_ids: [1] })).toBe(false);
    expect(needs({ prompt_ids: [1], choices: [[1]] })).toBe(false);
    expect(needs({ prompt_ids: [1], answer: "a" })).toBe(true);
    expect(needs({ prompt_ids: [1], choices: ["a"] })).toBe(true);
    expect(needs({ prompt: "a", answer_ids: [1] })).toBe(true);
  });
});
