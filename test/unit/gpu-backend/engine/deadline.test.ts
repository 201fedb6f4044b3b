import { describe, it } from "vitest";
import { Deadline } from "../../../../gpu-backend/engine/deadline.ts";
import type { MaskPredictor } from "../../../../gpu-backend/model-runner/mask-predictor.ts";
import { createFakeMaskPredictor } from "../../../support/fake-mask-predictor.ts";
import { createTestEngine, watchGeneration } from "./engine-bench.ts";

const PARAMETERS = { max_tokens: 32, block_length: 8, steps: 32 };

/** Runs one request on a network whose passes take `passMs` of a clock of its own. */
async function run(deadlineMs: number | null, passMs = 10) {
  let now = 0;
  const inner = createFakeMaskPredictor();
  const predictor: MaskPredictor = {
    ...inner,
    async predict(batch) {
      now += passMs;
      return await inner.predict(batch);
    },
  };
  const engine = createTestEngine(predictor, { now: () => now });
  const parameters = deadlineMs === null ? {} : { deadline_ms: deadlineMs };
  const { generation, finished } = watchGeneration([1, 2], { ...PARAMETERS, ...parameters });
  engine.submit(generation);
  const event = await finished;
  if (event.outcome !== "completed") throw new Error(event.outcome);
  return { text: event.text, usage: event.usage, endedAt: now };
}

describe("a deadline", () => {
  it("is kept by committing more a step, and the result says in how many", async ({ expect }) => {
    for (const deadlineMs of [60, 100, 200, 310]) {
      const { usage, endedAt } = await run(deadlineMs);
      expect(endedAt).toBeLessThanOrEqual(deadlineMs);
      expect(usage.hastenedSteps).toBeGreaterThan(0);
      expect(usage.stepsSaved).toBe(32 - usage.steps);
    }
  });

  it("changes nothing where there is time enough, or where none is asked for", async ({
    expect,
  }) => {
    const free = await run(null);
    expect(free.usage).toMatchObject({ steps: 32, hastenedSteps: 0 });
    expect(await run(1_000)).toEqual(free);
  });

  it("that cannot be kept gets the fewest steps: one a block", async ({ expect }) => {
    const { usage, text } = await run(1);
    expect(usage).toMatchObject({ steps: 4, hastenedSteps: 4 });
    expect(text).not.toBe("");
  });
});

describe("Deadline", () => {
  it("plans by the pace of the run itself, pauses counted", ({ expect }) => {
    const deadline = new Deadline(1_000);
    expect(deadline.stepsLeft(0, 100)).toBe(9);
    // It waited for others: 500 ms between its steps.
    expect(deadline.stepsLeft(500, 100)).toBe(2);
    expect(deadline.stepsLeft(1_000, 100)).toBe(0);
    expect(deadline.stepsLeft(2_000, 100)).toBe(0);
  });

  it("does not hasten a clock that stands", ({ expect }) => {
    expect(new Deadline(1).stepsLeft(0, 0)).toBe(Number.MAX_SAFE_INTEGER);
  });
});
