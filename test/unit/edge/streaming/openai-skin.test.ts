import fc from "fast-check";
import { describe, it } from "vitest";
import {
  chatSkin,
  completionSkin,
  createChunker,
  toAnswerHead,
} from "../../../../edge/streaming/openai-skin.ts";
import type { NodeFrame, NodeModel, Receipt } from "../../../../shared/contracts/node-wire.ts";
import {
  type ChatCompletionChunk,
  type CompletionChunk,
  chatCompletionChunkSchema,
  completionChunkSchema,
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
const receipt: Receipt = {
  request_id: "gen_1",
  node_id: "node",
  outcome: "completed",
  prompt_tokens: 3,
  completion_tokens: 4,
  steps: 2,
  forward_passes: 4,
  step_units: 8,
};

function play(pieces: readonly string[]): NodeFrame[] {
  const steps = pieces.map(
    (piece, i): NodeFrame => ({
      type: "step",
      step: i + 1,
      block: 0,
      committed: [],
      masked_count: 0,
      forward_passes: i + 1,
      text_delta: piece,
    }),
  );
  const text = pieces.join("");
  const done = {
    type: "done",
    finish_reason: "length",
    text,
    receipt,
    signed_receipt: "",
  } as const;
  return [{ type: "queued", ahead: 0 }, ...steps, done];
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
    expect(billed.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: 7, step_units: 8 } });
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
