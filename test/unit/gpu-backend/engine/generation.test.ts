import { describe, it } from "vitest";
import type { GenerationEvent } from "../../../../gpu-backend/engine/generation-event.ts";
import type { GenerationParameters } from "../../../../shared/contracts/node-wire.ts";
import { createFakeMaskPredictor, spellingLogits } from "../../../support/fake-mask-predictor.ts";
import { createTestEngine, SPECIAL_TOKENS, watchGeneration } from "./engine-bench.ts";

/** Runs one generation on a network that spells `answer` after a prompt of one token. */
async function spell(
  answer: readonly number[],
  parameters: Partial<GenerationParameters>,
): Promise<GenerationEvent[]> {
  const logits = spellingLogits((position) => answer[position - 1] ?? 0);
  const engine = createTestEngine(createFakeMaskPredictor({ logits }));
  const watched = watchGeneration([0], { max_tokens: answer.length, ...parameters });
  engine.submit(watched.generation);
  await watched.finished;
  return watched.events;
}

const letters = (text: string) => [...text].map((letter) => letter.charCodeAt(0) - 97);
const deltas = (events: readonly GenerationEvent[]) =>
  events.flatMap((event) => (event.type === "step" ? [event.textDelta] : []));

describe("a generation's text", () => {
  it("grows by what every earlier position allows, to the whole text", async ({ expect }) => {
    const events = await spell(letters("abcdef"), { block_length: 6, steps: 3 });
    expect(deltas(events)).toEqual(["ab", "cd", "ef"]);
    expect(events.at(-1)).toMatchObject({
      outcome: "completed",
      text: "abcdef",
      finishReason: "length",
      usage: { promptTokens: 1, completionTokens: 6, steps: 3, forwardPasses: 3, stepUnits: 3 },
    });
  });

  it("waits for a position that is committed last", async ({ expect }) => {
    const rising = (position: number, count: number) =>
      Array.from({ length: count }, (_, id) => (id === position ? position : 0));
    const engine = createTestEngine(
      createFakeMaskPredictor({ logits: (_, position, count) => rising(position, count) }),
    );
    const watched = watchGeneration([0], { max_tokens: 4, steps: 4, block_length: 4 });
    engine.submit(watched.generation);
    await watched.finished;
    expect(deltas(watched.events)).toEqual(["", "", "", "bcde"]);
  });

  it("ends before end-of-text or end-of-turn, though every step is run", async ({ expect }) => {
    for (const end of [SPECIAL_TOKENS.endOfTextTokenId, SPECIAL_TOKENS.endOfTurnTokenId]) {
      const events = await spell([...letters("ab"), end, ...letters("xyz")], { steps: 6 });
      expect(events.at(-1)).toMatchObject({
        text: "ab",
        finishReason: "stop",
        usage: { completionTokens: 2, steps: 6 },
      });
      expect(deltas(events).join("")).toBe("ab");
    }
  });

  it("ends before a stop string", async ({ expect }) => {
    const events = await spell(letters("abcdef"), { stop: ["cd"], steps: 6 });
    expect(events.at(-1)).toMatchObject({
      text: "ab",
      finishReason: "stop",
      usage: { completionTokens: 2 },
    });
  });

  it("is complete though the network predicted the mask itself", async ({ expect }) => {
    const events = await spell([0, 1, SPECIAL_TOKENS.maskTokenId], { steps: 3 });
    expect(events.at(-1)).toMatchObject({ text: "ab", finishReason: "length" });
  });
});

describe("a generation's steps", () => {
  it("tell each committed position once, with its token, text and confidence", async ({
    expect,
  }) => {
    const events = await spell(letters("dcba"), { block_length: 2, steps: 4 });
    const steps = events.filter((event) => event.type === "step");
    const committed = steps.flatMap((step) => step.committed);
    expect(committed.map(({ position, text }) => `${position}${text}`)).toEqual([
      "1d",
      "2c",
      "3b",
      "4a",
    ]);
    for (const { confidence } of committed) {
      expect(confidence).toBeGreaterThan(0.9);
      expect(confidence).toBeLessThanOrEqual(1);
    }
    expect(steps.map((step) => step.block)).toEqual([0, 0, 1, 1]);
    expect(steps.map((step) => step.maskedCount)).toEqual([3, 2, 1, 0]);
  });

  it("count two rows a step with guidance, and step units by the canvas", async ({ expect }) => {
    const answer = Array<number>(256).fill(2);
    const events = await spell(answer, { cfg_scale: 1, steps: 16 });
    expect(events.at(-1)).toMatchObject({
      usage: { steps: 16, forwardPasses: 32, stepUnits: 64 },
    });
  });
});

describe("a request that no canvas can hold", () => {
  it("is refused with the numbers that it exceeds", ({ expect }) => {
    expect(() => watchGeneration(Array(500).fill(1), { max_tokens: 13 })).toThrow(
      expect.objectContaining({
        code: "context_length_exceeded",
        message: expect.stringMatching(/512.*513.*500.*13/),
      }),
    );
    expect(() => watchGeneration(Array(500).fill(1), { max_tokens: 12 })).not.toThrow();
  });

  it("is refused for an empty prompt, a block that does not divide, too few steps", ({
    expect,
  }) => {
    const refusal = (code: string) => expect.objectContaining({ code });
    expect(() => watchGeneration([], { max_tokens: 1 })).toThrow(refusal("empty_prompt"));
    expect(() => watchGeneration([1], { max_tokens: 8, block_length: 3 })).toThrow(
      refusal("block_length_not_a_divisor"),
    );
    expect(() => watchGeneration([1], { max_tokens: 8, block_length: 2, steps: 3 })).toThrow(
      refusal("more_blocks_than_steps"),
    );
  });
});
