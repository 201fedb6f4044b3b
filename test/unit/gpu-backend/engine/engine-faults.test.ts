import { describe, it } from "vitest";
import { ApiError } from "../../../../shared/contracts/errors.ts";
import { createFakeMaskPredictor, hashedLogits } from "../../../support/fake-mask-predictor.ts";
import { createTestEngine, holdPredictor, watchGeneration } from "./engine-bench.ts";

const SHORT = { max_tokens: 4, steps: 2 };

describe("a failed pass", () => {
  it("fails the generations of its batch alone, and the loop lives on", async ({ expect }) => {
    const predictor = holdPredictor(createFakeMaskPredictor());
    const engine = createTestEngine(predictor);
    const doomed = [watchGeneration([1], SHORT), watchGeneration([2], SHORT)];
    const elsewhere = watchGeneration(Array(40).fill(3), SHORT);
    for (const { generation } of [...doomed, elsewhere]) engine.submit(generation);
    await predictor.underWay();
    predictor.release(new Error("a message that may quote a prompt"));
    for (const { finished } of doomed) {
      expect(await finished).toMatchObject({
        outcome: "failed",
        error: { code: "session_failed", message: "The denoising step failed." },
        usage: { steps: 0 },
      });
    }
    for (let pass = 0; pass < 2; pass += 1) {
      await predictor.underWay();
      predictor.release();
    }
    expect((await elsewhere.finished).outcome).toBe("completed");
    const later = watchGeneration([1], { max_tokens: 1, steps: 1 });
    engine.submit(later.generation);
    await predictor.underWay();
    predictor.release();
    expect((await later.finished).outcome).toBe("completed");
  });

  it("passes on a code that the predictor gave", async ({ expect }) => {
    const predictor = holdPredictor(createFakeMaskPredictor());
    const engine = createTestEngine(predictor);
    const { generation, finished } = watchGeneration([1], SHORT);
    engine.submit(generation);
    await predictor.underWay();
    predictor.release(new ApiError("session_failed", "Out of memory."));
    expect(await finished).toMatchObject({ error: { message: "Out of memory." } });
  });

  it("fails only the generation whose own logits are broken", async ({ expect }) => {
    const engine = createTestEngine(
      createFakeMaskPredictor({
        logits: (tokenIds, position, count) =>
          tokenIds[0] === 7
            ? Array(count).fill(Number.NaN)
            : hashedLogits(tokenIds, position, count),
      }),
    );
    const broken = watchGeneration([7], SHORT);
    const sound = watchGeneration([8], SHORT);
    engine.submit(broken.generation);
    engine.submit(sound.generation);
    expect(await broken.finished).toMatchObject({ error: { code: "session_failed" } });
    expect((await sound.finished).outcome).toBe("completed");
  });
});

describe("a full node", () => {
  it("answers overloaded with the wait that its own steps make", async ({ expect }) => {
    let nowMs = 0;
    const predictor = holdPredictor(createFakeMaskPredictor());
    const engine = createTestEngine(predictor, { maxBatchRows: 1, maxQueue: 1, now: () => nowMs });
    const running = watchGeneration([1], { max_tokens: 8, steps: 8 });
    const waiting = watchGeneration([2], { max_tokens: 8, steps: 8 });
    const refused = watchGeneration([3], SHORT);
    engine.submit(running.generation);
    await predictor.underWay();
    engine.submit(waiting.generation);
    nowMs += 2_000;
    predictor.release();
    await predictor.underWay();
    expect(engine.load).toMatchObject({ runningCount: 1, waitingCount: 1, stepMs: 2_000 });
    expect(engine.load.byTier.get("balanced")).toEqual({ runningCount: 1, waitingCount: 1 });
    expect(() => engine.submit(refused.generation)).toThrow(
      expect.objectContaining({ code: "overloaded", retryAfterSeconds: 14 }),
    );
    engine.cancelAll();
    predictor.release();
    await running.finished;
    await waiting.finished;
    expect(refused.events).toEqual([]);
    expect(engine.load).toMatchObject({ runningCount: 0, waitingCount: 0 });
  });
});

describe("draining", () => {
  it("finishes what runs and admits no more", async ({ expect }) => {
    const predictor = holdPredictor(createFakeMaskPredictor());
    const engine = createTestEngine(predictor);
    const { generation, finished } = watchGeneration([1], { max_tokens: 1, steps: 1 });
    engine.submit(generation);
    await predictor.underWay();
    let isIdle = false;
    const drained = engine.drain().then(() => {
      isIdle = true;
    });
    expect(engine.isDraining).toBe(true);
    expect(() => engine.submit(watchGeneration([1], SHORT).generation)).toThrow(
      expect.objectContaining({ code: "no_ready_node" }),
    );
    expect(isIdle).toBe(false);
    predictor.release();
    expect((await finished).outcome).toBe("completed");
    await drained;
  });

  it("is over at once when nothing runs, as often as it is asked for", async ({ expect }) => {
    const engine = createTestEngine(createFakeMaskPredictor());
    await engine.drain();
    await engine.drain();
    expect(engine.isDraining).toBe(true);
  });
});
