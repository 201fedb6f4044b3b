import { describe, it } from "vitest";
import type { GenerationOrder } from "../../../../gpu-backend/engine/create-generation.ts";
import type { GenerationParameters } from "../../../../shared/contracts/node-wire.ts";
import { createFakeMaskPredictor, spellingLogits } from "../../../support/fake-mask-predictor.ts";
import { createTestEngine, SPECIAL_TOKENS, watchGeneration } from "./engine-bench.ts";

const hole = (length: number) => ({ minLength: length, maxLength: length });
/** Spells the alphabet by position, so a hole says where it lies. */
const alphabet = createFakeMaskPredictor({ logits: spellingLogits((position) => position % 26) });

async function fill(
  template: NonNullable<GenerationOrder["template"]>,
  parameters: Partial<GenerationParameters> & { max_tokens: number },
  predictor = alphabet,
) {
  const engine = createTestEngine(predictor);
  const watched = watchGeneration([], parameters, { template });
  engine.submit(watched.generation);
  return { finished: await watched.finished, events: watched.events };
}

describe("a template's generation", () => {
  it("fills the hole between two texts, and says the hole alone", async ({ expect }) => {
    const { finished, events } = await fill(["xxx", hole(4), "yy"], { max_tokens: 4, steps: 2 });
    expect(finished).toMatchObject({
      outcome: "completed",
      text: "defg",
      finishReason: "length",
      usage: { promptTokens: 5, completionTokens: 4, steps: 2, stepUnits: 2 },
    });
    const deltas = events.flatMap((event) => (event.type === "step" ? [event.textDelta] : []));
    expect(deltas.join("")).toBe("defg");
    expect(events[0]).toMatchObject({ type: "started", promptLength: 5, generationLength: 4 });
  });

  it("fills several holes in order, in blocks over their columns", async ({ expect }) => {
    const { finished } = await fill([hole(2), "zz", hole(3), "z", hole(1)], {
      max_tokens: 6,
      steps: 3,
      block_length: 2,
    });
    expect(finished).toMatchObject({ text: "abefgi", usage: { promptTokens: 3, steps: 3 } });
  });

  it("never writes a special token into a hole, and runs to its end", async ({ expect }) => {
    const ends = createFakeMaskPredictor({
      logits: spellingLogits(() => SPECIAL_TOKENS.endOfTextTokenId),
    });
    const { finished } = await fill(["a", hole(3), "b"], { max_tokens: 3, early_exit: true }, ends);
    expect(finished).toMatchObject({ finishReason: "length", usage: { completionTokens: 3 } });
    expect(finished).toHaveProperty("text", expect.stringMatching(/^[a-z{|}]{3}$/));
  });

  it("gives a hole the same tokens whatever shares its pass", async ({ expect }) => {
    const sampled = { max_tokens: 5, steps: 3, temperature: 1, seed: 7 };
    const template = ["ab", hole(5), "cd"];
    const predictor = createFakeMaskPredictor();
    const { finished: alone } = await fill(template, sampled, predictor);
    const engine = createTestEngine(predictor);
    const own = watchGeneration([], sampled, { template });
    for (const other of [watchGeneration([1, 2], { max_tokens: 9 }), own]) {
      engine.submit(other.generation);
    }
    expect(await own.finished).toEqual(alone);
  });
});

describe("a template that no canvas can hold", () => {
  const refuse = (template: NonNullable<GenerationOrder["template"]>, max_tokens: number) => () =>
    watchGeneration([], { max_tokens }, { template });

  it("is refused for holes of another length than is asked for, too long, or around nothing", ({
    expect,
  }) => {
    const refusal = (code: string) => expect.objectContaining({ code });
    expect(refuse(["a", hole(4)], 5)).toThrow(refusal("invalid_parameter"));
    expect(refuse(["a".repeat(500), hole(13)], 13)).toThrow(refusal("context_length_exceeded"));
    expect(refuse(["a".repeat(500), hole(12)], 12)).not.toThrow();
    expect(refuse([hole(3)], 3)).toThrow(refusal("empty_prompt"));
    expect(refuse(["abc"], 3)).toThrow(refusal("no_hole"));
  });
});
