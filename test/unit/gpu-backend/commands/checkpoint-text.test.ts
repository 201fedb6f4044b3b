import { describe, it } from "vitest";
import { Canvas } from "../../../../gpu-backend/canvas/canvas.ts";
import {
  type CheckpointText,
  decodeAnswer,
  encodePrompt,
} from "../../../../gpu-backend/commands/checkpoint-text.ts";
import { createCounterRandom } from "../../../../gpu-backend/sampler/counter-random.ts";
import { ReverseProcess } from "../../../../gpu-backend/sampler/reverse-process.ts";
import { resolveSamplingSettings } from "../../../../gpu-backend/sampler/sampling-settings.ts";

/** One id per letter. */
const TEXT = {
  tokenizer: {
    encode: (text: string) => [...text].map((letter) => letter.charCodeAt(0)),
    decode: (ids: readonly number[]) => String.fromCharCode(...ids),
  },
  chatTemplate: {
    encode: (messages: readonly { content: string }[], addGenerationPrompt: boolean) => [
      ...messages.map(({ content }) => content.length),
      addGenerationPrompt ? 1 : 0,
    ],
  },
} as unknown as CheckpointText;

function answered(answer: number[]): ReverseProcess {
  const canvas = Canvas.start({
    promptTokenIds: [65, 66],
    generationLength: answer.length,
    maskTokenId: 0,
  });
  const settings = resolveSamplingSettings(
    { generationLength: answer.length },
    { maskTokenId: 0, endOfTextTokenId: 1, endOfTurnTokenId: 2 },
  );
  canvas.tokenIds.set(answer, 2);
  return new ReverseProcess(canvas, settings, createCounterRandom(0, 0));
}

describe("encodePrompt", () => {
  it("leaves ids as they are, and gives a text or a conversation one row", ({ expect }) => {
    expect(encodePrompt({ field: "prompt_ids", rows: [[7], [8]] }, null)).toEqual([[7], [8]]);
    expect(encodePrompt({ field: "prompt", text: "AB" }, TEXT)).toEqual([[65, 66]]);
    const messages = [{ role: "user" as const, content: "abc" }];
    expect(encodePrompt({ field: "messages", messages }, TEXT)).toEqual([[3, 1]]);
  });
});

describe("decodeAnswer", () => {
  it("ends before the first end of text or of turn and leaves the prompt out", ({ expect }) => {
    expect(decodeAnswer(answered([67, 68, 1, 69]), TEXT)).toBe("CD");
    expect(decodeAnswer(answered([67, 2, 1, 69]), TEXT)).toBe("C");
    expect(decodeAnswer(answered([67, 68]), TEXT)).toBe("CD");
    expect(decodeAnswer(answered([1, 68]), TEXT)).toBe("");
  });
});
