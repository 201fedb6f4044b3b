import fc from "fast-check";
import { describe, it } from "vitest";
import type { ToldEvent } from "../../../../edge/streaming/chunk-stream.ts";
import {
  chatSkin,
  completionSkin,
  createChunker,
  toAnswerHead,
} from "../../../../edge/streaming/openai-skin.ts";
import type { NodeModel } from "../../../../shared/contracts/node-wire.ts";
import {
  type ChatCompletionChunk,
  type CompletionChunk,
  chatCompletionChunkSchema,
  completionChunkSchema,
  type Usage,
} from "../../../../shared/contracts/openai-answers.ts";

type Choice = ChatCompletionChunk["choices"][number] | CompletionChunk["choices"][number];

const model: NodeModel = {
  id: "llada-test",
  max_length: 512,
  vocabulary_size: 10,
  parameter_count: 10,
  weights_digest: "0123456789abcdef".repeat(4),
  created: 1,
};
const usage: Usage = {
  prompt_tokens: 3,
  completion_tokens: 4,
  total_tokens: 7,
  steps: 2,
  forward_passes: 4,
  step_units: 8,
  cost: 160,
  refunded: 40,
  tier: "balanced" as const,
  hastened_steps: 0,
};

function play(pieces: readonly string[]): ToldEvent[] {
  const texts = pieces.map((text): ToldEvent => ({ type: "text", text }));
  const answer = { type: "answer", finishReason: "length", text: pieces.join(""), usage } as const;
  return [{ type: "text", text: "" }, ...texts, answer];
}

const pieces = fc.array(fc.string());

describe.for([
  ["chat", chatSkin, chatCompletionChunkSchema],
  ["completion", completionSkin, completionChunkSchema],
] as const)("the chunks of a %s", ([, skin, schema]) => {
  const head = toAnswerHead(skin, "0123", 1_999, model);
  const chunksOf = (texts: readonly string[], hasBill: boolean) =>
    play(texts)
      .flatMap(createChunker(skin, head, hasBill))
      .map((chunk) => schema.parse(chunk));

  it("spell the whole text, whatever its pieces, and say once why it ends", ({ expect }) => {
    fc.assert(
      fc.property(pieces, fc.boolean(), (texts, hasBill) => {
        const chunks = chunksOf(texts, hasBill);
        const choices = chunks.flatMap((chunk): Choice[] => chunk.choices);
        const said = choices.map((one) => ("text" in one ? one.text : (one.delta.content ?? "")));
        expect(said.join("")).toBe(texts.join(""));
        const reasons = choices.map((one) => one.finish_reason);
        expect(reasons.filter((reason) => reason !== null)).toEqual(["length"]);
        expect(reasons.at(-1)).toBe("length");
      }),
    );
  });

  it("carry the bill last when asked, and nothing of it when not", ({ expect }) => {
    const billed = chunksOf(["a"], true);
    expect(billed.at(-1)).toMatchObject({ choices: [], usage });
    expect(billed.slice(0, -1).every(({ usage }) => usage === null)).toBe(true);
    expect(chunksOf(["a"], false).every((chunk) => !("usage" in chunk))).toBe(true);
  });

  it("bear one head", ({ expect }) => {
    for (const chunk of chunksOf(["a", "b"], true)) {
      expect(chunk).toMatchObject({
        id: `${skin.idPrefix}-0123`,
        created: 1,
        model: "llada-test",
        system_fingerprint: "fp_0123456789ab",
      });
    }
  });
});
