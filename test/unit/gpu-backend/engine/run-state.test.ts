import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, it } from "vitest";
import {
  createGeneration,
  type GenerationOrder,
} from "../../../../gpu-backend/engine/create-generation.ts";
import type { GenerationEvent } from "../../../../gpu-backend/engine/generation-event.ts";
import { generationParametersSchema } from "../../../../shared/contracts/node-wire.ts";
import { createFakeMaskPredictor, type FakeLogits } from "../../../support/fake-mask-predictor.ts";
import { CODEC, LOGIT_COUNT, NETWORKS, TOKENS } from "../infilling/small-vocabulary.ts";
import { createTestEngine } from "./engine-bench.ts";

const digest = (text: string) => createHash("sha256").update(text).digest("hex");

type Wish = Omit<GenerationOrder, "requestId" | "listener" | "parameters"> & {
  readonly parameters: Readonly<Record<string, unknown>> & { readonly max_tokens: number };
};

/** The letters that small-vocabulary.ts spells, special tokens none. */
const decoder = {
  decode: (ids: readonly number[]) => ids.map((id) => CODEC.texts[id] ?? "").join(""),
  decodeToken: (id: number) => CODEC.texts[id] ?? "",
};
const MODEL = { maxLength: 512, specialTokens: TOKENS, decoder, codec: CODEC };

/** A run's events, and the state behind each of its steps; undone from `stopAfter` steps on. */
async function run(wish: Wish, logits: FakeLogits | undefined, resumeFrom?: string, stopAfter = 0) {
  const predictor = createFakeMaskPredictor({
    logitCount: LOGIT_COUNT,
    ...(logits === undefined ? {} : { logits }),
  });
  const engine = createTestEngine(predictor);
  const events: GenerationEvent[] = [];
  const states: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const generation = createGeneration(
    {
      ...wish,
      requestId: "run",
      parameters: generationParametersSchema.parse(wish.parameters),
      listener: (event) => {
        events.push(event);
        if (event.type === "finished") resolve();
        if (event.type !== "step") return;
        states.push(generation.exportState(digest));
        if (states.length === stopAfter) engine.cancel("run");
      },
      ...(resumeFrom === undefined ? {} : { resume: { state: resumeFrom, digest } }),
    },
    MODEL,
  );
  engine.submit(generation);
  await promise;
  return { events, states };
}

const stepsOf = (events: readonly GenerationEvent[]) =>
  events.filter((event) => event.type === "step");

const hole = (minLength: number, maxLength = minLength) => ({ minLength, maxLength });
const schema = {
  type: "object",
  properties: {
    name: { type: "string", maxLength: 8 },
    age: { type: "integer", minimum: 0, maximum: 120 },
  },
  required: ["name", "age"],
};

const parameters = fc.record({
  block_length: fc.constantFrom(3, 4, 6, 12),
  steps: fc.constantFrom(6, 12),
  temperature: fc.constantFrom(0, 1),
  seed: fc.nat(1000),
  cfg_scale: fc.constantFrom(0, 1.5),
  cache: fc.constantFrom("none", "prefix", "dual"),
  early_exit: fc.boolean(),
  revision_steps: fc.constantFrom(0, 4),
  stop: fc.constantFrom<string[]>([], ["ab"], ["b"]),
});
const wishes: fc.Arbitrary<Wish> = fc.oneof(
  parameters.map((own) => ({
    promptTokenIds: CODEC.encode("who"),
    parameters: { ...own, max_tokens: 12, confidence_threshold: 0.4 },
  })),
  parameters.map(({ early_exit: _, ...own }) => ({
    promptTokenIds: CODEC.encode("who"),
    parameters: { ...own, max_tokens: 12 },
  })),
  parameters.map(({ early_exit: _, ...own }) => ({
    promptTokenIds: [],
    template: ["a", hole(5), "b", hole(7)],
    parameters: { ...own, max_tokens: 12 },
  })),
  parameters.map(({ early_exit: _, block_length: __, steps: ___, ...own }) => ({
    promptTokenIds: [],
    template: ["a", hole(2, 5), "b", hole(1, 7)],
    parameters: { ...own, max_tokens: 12 },
  })),
  parameters.map(({ early_exit: _, block_length: __, steps: ___, stop: ____, ...own }) => ({
    promptTokenIds: CODEC.encode("who"),
    schema,
    parameters: { ...own, max_tokens: 48 },
  })),
);
const networks = fc.constantFrom<(FakeLogits | undefined)[]>(...Object.values(NETWORKS));

describe("a generation's state", () => {
  it("goes on to the same steps, text and bill, wherever it was written", async ({ expect }) => {
    await fc.assert(
      fc.asyncProperty(wishes, networks, fc.nat(), async (wish, logits, pick) => {
        const whole = await run(wish, logits);
        const at = pick % whole.states.length;
        const rest = await run(wish, logits, whole.states[at]);
        expect(stepsOf(rest.events)).toEqual(stepsOf(whole.events).slice(at + 1));
        expect(rest.events.at(-1)).toEqual(whole.events.at(-1));
        expect(rest.states).toEqual(whole.states.slice(at + 1));
      }),
      { numRuns: 120 },
    );
  });

  it("goes on after several breaks, one behind another", async ({ expect }) => {
    const wish = {
      promptTokenIds: CODEC.encode("who"),
      parameters: { max_tokens: 12, steps: 12, block_length: 4, cache: "dual", temperature: 1 },
    };
    const whole = await run(wish, undefined);
    const texts: string[] = [];
    let state: string | undefined;
    for (;;) {
      const part = await run(wish, undefined, state, 2);
      texts.push(...stepsOf(part.events).map(({ textDelta }) => textDelta));
      const last = part.events.at(-1);
      if (last?.type === "finished" && last.outcome === "completed") break;
      state = part.states.at(-1);
    }
    expect(texts).toEqual(stepsOf(whole.events).map(({ textDelta }) => textDelta));
  });

  it("is refused beside another request, or when it is damaged", async ({ expect }) => {
    const wish = { promptTokenIds: CODEC.encode("who"), parameters: { max_tokens: 8, steps: 4 } };
    const { states } = await run(wish, undefined);
    const [state = ""] = states;
    const refusal = expect.objectContaining({ code: "invalid_parameter", param: "resume_from" });
    const others: readonly (readonly [Wish, string])[] = [
      [{ ...wish, promptTokenIds: CODEC.encode("how") }, state],
      [{ ...wish, parameters: { max_tokens: 8, steps: 5 } }, state],
      [{ ...wish, parameters: { max_tokens: 8, steps: 4, temperature: 1 } }, state],
      [{ ...wish, parameters: { max_tokens: 8, steps: 4, seed: 1 } }, state],
      [{ promptTokenIds: [], template: ["who", hole(8)], parameters: wish.parameters }, state],
      [wish, state.replace("tokenIds", "tokenids")],
      [wish, state.slice(0, -1)],
      [wish, "null"],
      [wish, "x"],
    ];
    for (const [other, given] of others) {
      await expect(run(other, undefined, given)).rejects.toEqual(refusal);
    }
  });

  it.for([
    "null\n{}",
    '{"lengths":[9],"trials":[]}\n{}',
    '{"lengths":[1e9],"trials":[]}\n{}',
    '{"lengths":[3],"trials":[[1]]}\n{}',
    '{"lengths":3,"trials":[]}\n{}',
  ])(
    "of a template is refused with lengths that are not its own: %s",
    async (state, { expect }) => {
      const wish = {
        promptTokenIds: [],
        template: ["a", hole(2, 5)],
        parameters: { max_tokens: 5 },
      };
      const refusal = expect.objectContaining({ code: "invalid_parameter", param: "resume_from" });
      await expect(run(wish, undefined, state)).rejects.toEqual(refusal);
    },
  );
});
