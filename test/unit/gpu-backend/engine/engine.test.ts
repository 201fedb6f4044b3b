import fc from "fast-check";
import { describe, it } from "vitest";
import type { GenerationEvent } from "../../../../gpu-backend/engine/generation-event.ts";
import { createFakeMaskPredictor } from "../../../support/fake-mask-predictor.ts";
import {
  createTestEngine,
  holdPredictor,
  type WatchedGeneration,
  watchGeneration,
} from "./engine-bench.ts";

async function runTogether(
  watched: readonly WatchedGeneration[],
  maxBatchRows = 8,
): Promise<GenerationEvent[][]> {
  const engine = createTestEngine(createFakeMaskPredictor(), { maxBatchRows });
  for (const { generation } of watched) engine.submit(generation);
  await Promise.all(watched.map(({ finished }) => finished));
  return watched.map(({ events }) => events);
}

const order = fc
  .record({
    prompt: fc.array(fc.nat(28), { minLength: 1, maxLength: 70 }),
    blocks: fc.integer({ min: 1, max: 3 }),
    blockLength: fc.integer({ min: 1, max: 6 }),
    extraSteps: fc.nat(6),
    temperature: fc.constantFrom(0, 0.7),
    cfg_scale: fc.constantFrom(0, 1.5),
    remasking: fc.constantFrom("low_confidence" as const, "random" as const),
    seed: fc.nat(3),
    stop: fc.constantFrom<string[]>([], ["ab"]),
  })
  .map(({ prompt, blocks, blockLength, extraSteps, ...rest }) => ({
    prompt,
    parameters: {
      ...rest,
      max_tokens: blocks * blockLength,
      block_length: blockLength,
      steps: blocks + extraSteps,
    },
  }));

const watch = ({ prompt, parameters }: typeof order extends fc.Arbitrary<infer T> ? T : never) =>
  watchGeneration(prompt, parameters);

describe("Engine", () => {
  it("gives each generation among others exactly what it gets alone", async ({ expect }) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(order, { minLength: 2, maxLength: 5 }),
        fc.integer({ min: 2, max: 8 }),
        async (orders, maxBatchRows) => {
          const together = await runTogether(orders.map(watch), maxBatchRows);
          for (const [i, one] of orders.entries()) {
            expect(together[i]).toEqual((await runTogether([watch(one)]))[0]);
          }
        },
      ),
      { numRuns: 25 },
    );
  });

  it("shares a pass between generations of one bucket, whenever they came", async ({ expect }) => {
    const inner = createFakeMaskPredictor();
    const predictor = holdPredictor(inner);
    const engine = createTestEngine(predictor);
    const first = watchGeneration([1, 2], { max_tokens: 4, steps: 3 });
    const second = watchGeneration([1, 2, 3], { max_tokens: 5, steps: 2 });
    expect(engine.submit(first.generation)).toEqual({ ahead: 0, waitMs: 0 });
    await predictor.underWay();
    expect(engine.submit(second.generation)).toEqual({ ahead: 1, waitMs: null });
    for (let pass = 0; pass < 3; pass += 1) {
      await predictor.underWay();
      predictor.release();
    }
    await Promise.all([first.finished, second.finished]);
    expect(inner.batches.map((batch) => batch.rowCount)).toEqual([1, 2, 2]);
  });

  it("publishes started, one event a step and finished, after submit has returned", async ({
    expect,
  }) => {
    const engine = createTestEngine(createFakeMaskPredictor());
    const { generation, events, finished } = watchGeneration([1], { max_tokens: 8, steps: 4 });
    engine.submit(generation);
    expect(events).toEqual([]);
    await finished;
    expect(events.map((event) => (event.type === "step" ? event.step : event.type))).toEqual([
      "started",
      1,
      2,
      3,
      4,
      "finished",
    ]);
  });

  it("refuses a request id that is in use, and takes it again afterwards", async ({ expect }) => {
    const engine = createTestEngine(createFakeMaskPredictor());
    const { generation, finished } = watchGeneration([1], { max_tokens: 2 });
    engine.submit(generation);
    expect(() => engine.submit(generation)).toThrow(
      expect.objectContaining({ code: "invalid_parameter", param: "request_id" }),
    );
    await finished;
    expect(engine.cancel(generation.requestId)).toBe(false);
  });
});

describe("cancelling", () => {
  it("ends a generation at the next step, the pass under way counted", async ({ expect }) => {
    const inner = createFakeMaskPredictor();
    const predictor = holdPredictor(inner);
    const engine = createTestEngine(predictor);
    const { generation, events, finished } = watchGeneration([1], { max_tokens: 8, steps: 8 });
    engine.submit(generation);
    await predictor.underWay();
    predictor.release();
    await predictor.underWay();
    expect(engine.cancel(generation.requestId)).toBe(true);
    predictor.release();
    const last = await finished;
    expect(last).toMatchObject({
      outcome: "cancelled",
      error: { code: "cancelled" },
      usage: { steps: 2, forwardPasses: 2 },
    });
    expect(events.filter((event) => event.type === "step")).toHaveLength(2);
    expect(inner.batches).toHaveLength(2);
  });

  it("ends a generation that waits without running it", async ({ expect }) => {
    const inner = createFakeMaskPredictor();
    const engine = createTestEngine(inner);
    const { generation, events, finished } = watchGeneration([1], { max_tokens: 8 });
    engine.submit(generation);
    generation.cancel();
    expect((await finished).usage.steps).toBe(0);
    expect(events).toHaveLength(1);
    expect(inner.batches).toEqual([]);
  });

  it("leaves the others as they were", async ({ expect }) => {
    const shape = { max_tokens: 8, steps: 4 };
    const alone = (await runTogether([watchGeneration([5], shape)]))[0];
    const kept = watchGeneration([5], shape);
    const dropped = watchGeneration([6], shape);
    const predictor = holdPredictor(createFakeMaskPredictor());
    const engine = createTestEngine(predictor);
    engine.submit(dropped.generation);
    engine.submit(kept.generation);
    await predictor.underWay();
    dropped.generation.cancel();
    for (let pass = 0; pass < 4; pass += 1) {
      await predictor.underWay();
      predictor.release();
    }
    await kept.finished;
    expect(kept.events).toEqual(alone);
  });
});
