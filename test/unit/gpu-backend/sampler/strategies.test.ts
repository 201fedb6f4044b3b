/** What holds of every decoder with every option, on networks that were made up. */
import fc from "fast-check";
import { describe, it } from "vitest";
import { applyFrame, toFrame } from "../../../../gpu-backend/sampler/denoising-frame.ts";
import type { DenoisingStep } from "../../../../gpu-backend/sampler/denoising-step.ts";
import {
  endingLogits,
  finishRun,
  finishRuns,
  idsOf,
  MASK,
  networks,
  runStarts,
  startRun,
} from "./run-process.ts";

/** Columns that hold another token after the step than before; a mask on either side counts not. */
function rewritten(before: readonly number[], step: DenoisingStep): number[] {
  const after = applyFrame(Int32Array.from(before), { ...toFrame(step), resize: null }, MASK);
  return before.flatMap((id, column) => {
    const next = after[column];
    return id !== MASK && next !== MASK && next !== id ? [column] : [];
  });
}

describe("every strategy", () => {
  it("ends within its steps with a full canvas, but for masks that LLaDA's schedule predicts", async ({
    expect,
  }) => {
    await fc.assert(
      fc.asyncProperty(runStarts, networks, async (start, logits) => {
        const { process, steps } = await finishRun(start, logits);
        expect(steps.length).toBeLessThanOrEqual(process.maxSteps);
        expect(process.stepsSaved).toBe(process.maxSteps - steps.length);
        const { decoding, revisionSteps } = process.settings;
        if (decoding.kind !== "schedule" || revisionSteps > 0) {
          expect(idsOf(process)).not.toContain(MASK);
        }
      }),
      { numRuns: 150 },
    );
  });

  it("writes a token at every step that looks at a mask, but for LLaDA's idle ones", async ({
    expect,
  }) => {
    await fc.assert(
      fc.asyncProperty(runStarts, networks, async (start, logits) => {
        const { process, steps } = await finishRun(start, logits);
        for (const step of steps) {
          const isIdle = step.positions.length === 0;
          if (process.settings.decoding.kind === "schedule" || isIdle) continue;
          expect(step.committed.length).toBeGreaterThan(0);
        }
      }),
      { numRuns: 100 },
    );
  });

  it("changes what is committed by revision alone", async ({ expect }) => {
    await fc.assert(
      fc.asyncProperty(runStarts, networks, async (start, logits) => {
        const { process, steps, canvases } = await finishRun(start, logits);
        for (const [index, step] of steps.entries()) {
          expect(rewritten(canvases[index] ?? [], step)).toEqual([]);
          if (process.settings.revisionSteps === 0) expect(step.remasked).toHaveLength(0);
          expect(step.remasked.every((column) => column >= start.prompt.length)).toBe(true);
        }
      }),
      { numRuns: 100 },
    );
  });

  it("gives each row of a mixed batch what it gives that row alone", async ({ expect }) => {
    const batches = fc.array(runStarts, { minLength: 2, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(batches, networks, async (starts, logits) => {
        const together = await finishRuns(starts.map(startRun), logits);
        for (const [index, start] of starts.entries()) {
          const alone = await finishRun(start, logits);
          expect(together[index]?.canvases).toEqual(alone.canvases);
          expect(together[index]?.steps).toEqual(alone.steps);
        }
      }),
      { numRuns: 40 },
    );
  });

  it("never declares a column final that changes afterwards", async ({ expect }) => {
    await fc.assert(
      fc.asyncProperty(runStarts, async (start) => {
        const process = startRun(start);
        const declared: number[][] = [];
        while (!process.isFinished) {
          declared.push(idsOf(process).slice(0, process.finalEnd));
          await finishRuns([process], endingLogits, 1);
        }
        const last = idsOf(process);
        for (const prefix of declared) {
          const { length } = start.prompt;
          expect(last.slice(length, prefix.length)).toEqual(prefix.slice(length, last.length));
        }
      }),
      { numRuns: 80 },
    );
  });
});
