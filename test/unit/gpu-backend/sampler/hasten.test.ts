import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, it } from "vitest";

import { packRows, splitAnswer } from "../../../../gpu-backend/canvas/canvas-batch.ts";
import { createCounterRandom } from "../../../../gpu-backend/sampler/counter-random.ts";
import { hastenedCount } from "../../../../gpu-backend/sampler/hasten.ts";
import { exportState, resumeProcess } from "../../../../gpu-backend/sampler/process-state.ts";
import type { ReverseProcess } from "../../../../gpu-backend/sampler/reverse-process.ts";
import { createFakeMaskPredictor } from "../../../support/fake-mask-predictor.ts";
import { fixedRequests, idsOf, LOGIT_COUNT, MASK, startRun } from "./run-process.ts";

const digest = (text: string) => createHash("sha256").update(text).digest("hex");
const start = (request: Parameters<typeof startRun>[0]["request"]) =>
  startRun({ prompt: [1, 2], seed: 3, request });

/** One step; `stepsAfter` as the time would allow. */
async function takeStep(process: ReverseProcess, stepsAfter: number | null): Promise<void> {
  const rows = process.forwardRows();
  const predictor = createFakeMaskPredictor({ logitCount: LOGIT_COUNT, maxLength: 128 });
  const answer = await predictor.predict(packRows(rows, process.canvas.length));
  process.commit(splitAnswer(rows, answer, LOGIT_COUNT), LOGIT_COUNT, stepsAfter);
}

/** Runs to the end with time for so many steps; for any number when null. */
async function finish(process: ReverseProcess, fittingSteps: number | null): Promise<void> {
  for (let left = fittingSteps; !process.isFinished; ) {
    if (left !== null) left = Math.max(0, left - 1);
    await takeStep(process, left);
  }
}

describe("hastenedCount", () => {
  it("asks for nothing where the steps fit", ({ expect }) => {
    const ahead = { maskedByBlock: [8, 8], plannedSteps: 16 };
    expect(hastenedCount({ ...ahead, fittingSteps: 16 })).toBe(0);
    expect(hastenedCount({ ...ahead, fittingSteps: 15 })).toBe(2);
  });

  it("shares the steps out among the blocks, at least one each", ({ expect }) => {
    const ahead = { maskedByBlock: [8, 8, 16], plannedSteps: 32 };
    expect(hastenedCount({ ...ahead, fittingSteps: 8 })).toBe(4);
    expect(hastenedCount({ ...ahead, fittingSteps: 3 })).toBe(8);
    expect(hastenedCount({ ...ahead, fittingSteps: 1 })).toBe(8);
  });

  it("ends every run within the steps that fit, or in one a block", ({ expect }) => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 1, max: 400 }),
        (blocks, fitting) => {
          const masked = [...blocks];
          let steps = 0;
          while (masked.length > 0) {
            const plannedSteps = masked.reduce((sum, count) => sum + count, 0);
            const fittingSteps = Math.max(1, fitting - steps);
            const count = hastenedCount({ maskedByBlock: masked, plannedSteps, fittingSteps });
            masked[0] = (masked[0] ?? 0) - Math.max(1, count);
            if (masked[0] <= 0) masked.shift();
            steps += 1;
          }
          expect(steps).toBeLessThanOrEqual(Math.max(fitting, blocks.length));
        },
      ),
    );
  });
});

describe("a run that is hastened", () => {
  it("keeps to the steps that fit, however it decodes, and leaves no mask", async ({ expect }) => {
    await fc.assert(
      fc.asyncProperty(fixedRequests, fc.integer({ min: 1, max: 30 }), async (request, fitting) => {
        const process = start(request);
        const { maxSteps, blockCount } = process;
        await finish(process, fitting);
        const closing = request.revisionSteps ? 1 : 0;
        expect(process.step).toBeLessThanOrEqual(Math.max(fitting, blockCount) + closing);
        expect(process.step).toBeLessThanOrEqual(maxSteps);
        if (process.hastenedSteps === 0) return;
        expect(process.step).toBeLessThan(maxSteps);
        const fillsBlocks = request.decoding?.kind !== "schedule" && request.earlyExit !== true;
        if (fillsBlocks) expect(idsOf(process)).not.toContain(MASK);
      }),
      { numRuns: 60 },
    );
  });

  it("is the run without a deadline where its steps fit", async ({ expect }) => {
    await fc.assert(
      fc.asyncProperty(fixedRequests, async (request) => {
        const [free, timed] = [start(request), start(request)];
        await finish(free, null);
        await finish(timed, timed.maxSteps);
        expect(timed.hastenedSteps).toBe(0);
        expect(idsOf(timed)).toEqual(idsOf(free));
        expect(timed.step).toBe(free.step);
      }),
      { numRuns: 60 },
    );
  });

  it("is taken up elsewhere as it stands", async ({ expect }) => {
    const request = { generationLength: 24, blockLength: 8, steps: 24 };
    const whole = start(request);
    for (let left = 5; left >= 0 && !whole.isFinished; left -= 1) await takeStep(whole, left);
    const first = start(request);
    for (const left of [5, 4]) await takeStep(first, left);
    const second = resumeProcess(exportState(first, digest), digest);
    expect(second.hastenedSteps).toBe(2);
    for (let left = 3; left >= 0 && !second.isFinished; left -= 1) await takeStep(second, left);
    expect(second.isFinished).toBe(true);
    expect(idsOf(second)).toEqual(idsOf(whole));
    expect(second.hastenedSteps).toBe(whole.hastenedSteps);
    expect(second.random.seed).toBe(createCounterRandom(3, 0).seed);
  });

  it("leaves revision out rather than text", async ({ expect }) => {
    const request = { generationLength: 8, blockLength: 8, steps: 4, revisionSteps: 8 };
    const process = start({ ...request, revisionThreshold: 1 });
    await finish(process, 4);
    // One step more, for the masks that the schedule has left.
    expect(process.step).toBe(5);
    expect(process.hastenedSteps).toBe(1);
    expect(idsOf(process)).not.toContain(MASK);
  });
});
