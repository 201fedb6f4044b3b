import fc from "fast-check";
import { describe, it } from "vitest";
import { applyFrame, toFrame } from "../../../../gpu-backend/sampler/denoising-frame.ts";
import { finishRun, MASK, networks, runStarts } from "./run-process.ts";

describe("the frames of a run", () => {
  it("lead from its first canvas over every one between to its last", async ({ expect }) => {
    await fc.assert(
      fc.asyncProperty(runStarts, networks, async (start, logits) => {
        const { steps, canvases } = await finishRun(start, logits);
        let ids = Int32Array.from(canvases[0] ?? []);
        for (const [index, step] of steps.entries()) {
          ids = Int32Array.from(applyFrame(ids, toFrame(step), MASK));
          expect([...ids]).toEqual(canvases[index + 1]);
          expect(ids.filter((id) => id === MASK)).toHaveLength(step.maskedCount);
        }
      }),
      { numRuns: 150 },
    );
  });

  it("tell of each candidate either that it is committed or what it would be", async ({
    expect,
  }) => {
    await fc.assert(
      fc.asyncProperty(runStarts, networks, async (start, logits) => {
        const { steps } = await finishRun(start, logits);
        for (const step of steps) {
          const { committed, provisional, resize } = toFrame(step);
          const told = [...committed, ...provisional].map(({ position }) => position);
          const length = resize?.kind === "truncate" ? resize.length : Number.POSITIVE_INFINITY;
          const kept = [...step.positions].filter(
            (position) => position < length || step.committed.includes(position),
          );
          expect(told.sort((a, b) => a - b)).toEqual(kept);
          for (const { confidence } of [...committed, ...provisional]) {
            expect(confidence).toBeGreaterThanOrEqual(0);
            expect(confidence).toBeLessThanOrEqual(1);
          }
        }
      }),
      { numRuns: 60 },
    );
  });
});
