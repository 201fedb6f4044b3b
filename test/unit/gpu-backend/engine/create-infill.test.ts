import { Ajv } from "ajv";
import { describe, it } from "vitest";
import {
  createGeneration,
  type GenerationOrder,
} from "../../../../gpu-backend/engine/create-generation.ts";
import type { GenerationEvent } from "../../../../gpu-backend/engine/generation-event.ts";
import {
  type GenerationParameters,
  generationParametersSchema,
} from "../../../../shared/contracts/node-wire.ts";
import { createFakeMaskPredictor, spellingLogits } from "../../../support/fake-mask-predictor.ts";
import { CODEC, LOGIT_COUNT, NETWORKS, spell, TOKENS } from "../infilling/small-vocabulary.ts";
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
    expect(finished).toHaveProperty("holes", [
      { text: "ab", tokenCount: 2 },
      { text: "efg", tokenCount: 3 },
      { text: "i", tokenCount: 1 },
    ]);
  });

  it("chooses an open length by rows that it pays for, and gets as many steps", async ({
    expect,
  }) => {
    const { finished } = await fill(["x", { minLength: 1, maxLength: 4 }, "y"], {
      max_tokens: 4,
      steps: 4,
    });
    const length = finished.usage.completionTokens;
    expect(finished).toMatchObject({
      text: "bcde".slice(0, length),
      holes: [{ tokenCount: length }],
      usage: { promptTokens: 2, steps: length, forwardPasses: length + 4 },
    });
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

const schema = {
  type: "object",
  properties: {
    name: { type: "string" },
    age: { type: "integer", minimum: 0, maximum: 120 },
    mood: { enum: ["ab", "a", "null", true] },
    tags: { type: "array", maxItems: 2, items: { type: "string", maxLength: 4 } },
  },
  required: ["name", "age"],
};

/** A generation of JSON by a network that would rather write something else. */
function writeJson(
  network: keyof typeof NETWORKS,
  parameters: Partial<GenerationParameters>,
  asked: Readonly<Record<string, unknown>> = schema,
) {
  const logits = NETWORKS[network];
  const predictor = createFakeMaskPredictor({
    logitCount: LOGIT_COUNT,
    ...(logits === undefined ? {} : { logits }),
  });
  const events: GenerationEvent[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const generation = createGeneration(
    {
      requestId: "json",
      promptTokenIds: CODEC.encode("who"),
      schema: asked,
      parameters: generationParametersSchema.parse({ max_tokens: 48, ...parameters }),
      listener: (event) => {
        events.push(event);
        if (event.type === "finished") resolve();
      },
    },
    {
      maxLength: 512,
      specialTokens: TOKENS,
      codec: CODEC,
      decoder: { decode: spell, decodeToken: (id) => spell([id]) },
    },
  );
  const engine = createTestEngine(predictor);
  return {
    generation,
    engine,
    async run() {
      engine.submit(generation);
      await promise;
      return { events, finished: events.at(-1) };
    },
  };
}

describe("a generation of JSON", () => {
  const validate = new Ajv({ strict: false }).compile(schema);

  it.for(Object.keys(NETWORKS))(
    "parses and is valid under a network of %s",
    async (network, { expect }) => {
      for (const parameters of [
        {},
        { steps: 1 },
        { steps: 12, temperature: 1, seed: 3 },
        { confidence_threshold: 0.6, early_exit: true },
        { cfg_scale: 1 },
        { revision_steps: 4, steps: 24 },
      ]) {
        const { finished } = await writeJson(network, parameters).run();
        const text = finished?.type === "finished" && "text" in finished ? finished.text : "";
        expect(validate(JSON.parse(text))).toBe(true);
      }
    },
  );

  it("says its text at the end, and pays for the rows that chose the lengths", async ({
    expect,
  }) => {
    const { events, finished } = await writeJson("random", { steps: 24 }).run();
    const steps = events.filter((event) => event.type === "step");
    const deltas = steps.map((step) => step.textDelta);
    expect(deltas.slice(0, -1).every((delta) => delta === "")).toBe(true);
    expect(finished).toMatchObject({ text: deltas.at(-1), finishReason: "stop" });
    const { usage } = finished as Extract<GenerationEvent, { type: "finished" }>;
    expect(usage.steps).toBe(steps.length);
    expect(usage.steps).toBeLessThanOrEqual(24);
    expect(usage.forwardPasses).toBeGreaterThan(usage.steps);
    expect(usage.forwardPasses).toBeLessThanOrEqual(48);
    expect(usage.stepUnits).toBe(usage.forwardPasses);
    expect(usage.completionTokens).toBeLessThanOrEqual(48);
  });

  it("stops before its first step when it is cancelled, and pays for what was fed", async ({
    expect,
  }) => {
    const { generation, run } = writeJson("random", { steps: 48 });
    generation.forwardRows();
    const rows = generation.forwardRows();
    generation.commit(
      rows.map((row) => new Float32Array(row.candidateColumns.length * LOGIT_COUNT)),
      LOGIT_COUNT,
      { endedAt: 0, elapsedMs: 0 },
    );
    generation.cancel();
    const { finished } = await run();
    expect(finished).toMatchObject({
      outcome: "cancelled",
      usage: { steps: 0, forwardPasses: rows.length, stepUnits: rows.length },
    });
  });

  it("is refused for a schema that is not understood, or values that do not fit", ({ expect }) => {
    const refusal = (code: string, param: string) => expect.objectContaining({ code, param });
    const strings = (maxItems: number) => ({ type: "array", maxItems, items: { type: "string" } });
    expect(() => writeJson("random", {}, { anyOf: [] })).toThrow(
      refusal("schema_not_supported", "schema.anyOf"),
    );
    expect(() => writeJson("random", { max_tokens: 4 }, strings(5))).toThrow(
      refusal("invalid_parameter", "parameters.max_tokens"),
    );
    expect(() => writeJson("random", { max_tokens: 5 }, strings(5))).not.toThrow();
    expect(() => writeJson("random", { block_length: 2 })).toThrow(
      refusal("invalid_parameter", "parameters.block_length"),
    );
    expect(() => writeJson("random", {}, { const: 1 })).toThrow(refusal("no_hole", "schema"));
  });
});
