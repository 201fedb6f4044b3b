import fc from "fast-check";
import { describe, it } from "vitest";
import { Canvas } from "../../../../gpu-backend/canvas/canvas.ts";
import { createCounterRandom } from "../../../../gpu-backend/sampler/counter-random.ts";
import { findTextEnd } from "../../../../gpu-backend/sampler/end-of-text.ts";
import { ReverseProcess } from "../../../../gpu-backend/sampler/reverse-process.ts";
import { resolveSamplingSettings } from "../../../../gpu-backend/sampler/sampling-settings.ts";
import { spellingLogits } from "../../../support/fake-mask-predictor.ts";
import {
  END_OF_TEXT,
  endingLogits,
  finishRun,
  fixedRequests,
  idsOf,
  MASK,
  runStarts,
  TOKENS,
} from "./run-process.ts";

const answerOf = (ids: readonly number[], promptLength: number) => {
  const answer = ids.slice(promptLength);
  const end = answer.findIndex((id) => id === END_OF_TEXT || id === TOKENS.endOfTurnTokenId);
  return end < 0 ? answer : answer.slice(0, end);
};

describe("early exit", () => {
  it("gives the text that the whole run gives, in no more steps", async ({ expect }) => {
    const starts = fc.record({
      prompt: fc.array(fc.nat(12), { maxLength: 4 }),
      seed: fc.nat(1000),
      request: fixedRequests.map((request) => ({ ...request, revisionSteps: 0 })),
    });
    let savedCount = 0;
    await fc.assert(
      fc.asyncProperty(starts, async ({ request, ...start }) => {
        const [whole, early] = await Promise.all([
          finishRun({ ...start, request: { ...request, earlyExit: false } }, endingLogits),
          finishRun({ ...start, request: { ...request, earlyExit: true } }, endingLogits),
        ]);
        const { length } = start.prompt;
        expect(answerOf(idsOf(early.process), length)).toEqual(
          answerOf(idsOf(whole.process), length),
        );
        expect(early.steps.length).toBeLessThanOrEqual(whole.steps.length);
        savedCount += whole.steps.length - early.steps.length;
      }),
      { numRuns: 120 },
    );
    expect(savedCount).toBeGreaterThan(0);
  });

  it("leaves nothing after the text's end on the canvas, and says how many steps it saved", async ({
    expect,
  }) => {
    const answer = [3, 4, END_OF_TEXT, 5, 6, 7];
    const { process, steps } = await finishRun(
      {
        prompt: [1],
        seed: 0,
        request: { generationLength: 6, blockLength: 6, steps: 6, earlyExit: true },
      },
      spellingLogits((position) => answer[position - 1] ?? 0),
    );
    expect(idsOf(process)).toEqual([1, 3, 4, END_OF_TEXT]);
    expect(steps).toHaveLength(3);
    expect(process.stepsSaved).toBe(3);
    expect(steps.at(-1)).toMatchObject({
      maskedCount: 0,
      resize: { kind: "truncate", length: 4 },
    });
  });

  it("waits for every mask before the text's end", async ({ expect }) => {
    await fc.assert(
      fc.asyncProperty(runStarts, async (start) => {
        const { process, canvases } = await finishRun(
          { ...start, request: { ...start.request, earlyExit: true, revisionSteps: 0 } },
          endingLogits,
        );
        const end = findTextEnd(process.canvas, process.settings);
        if (end !== null) expect(process.canvas.length).toBe(end + 1);
        if (process.settings.adaptiveLength !== null) return;
        for (const ids of canvases.slice(1, -1)) {
          const settled = ids.slice(start.prompt.length, ids.indexOf(MASK, start.prompt.length));
          expect(settled).not.toContain(END_OF_TEXT);
        }
      }),
      { numRuns: 80 },
    );
  });

  it("is off unless asked for: every step of LLaDA's schedule runs", async ({ expect }) => {
    const { process, steps } = await finishRun(
      { prompt: [1], seed: 0, request: { generationLength: 6, blockLength: 2, steps: 6 } },
      spellingLogits(() => END_OF_TEXT),
    );
    expect(steps).toHaveLength(6);
    expect(process.canvas.length).toBe(7);
    expect(process.stepsSaved).toBe(0);
  });

  it("is refused where a template's given tokens would be cut off", ({ expect }) => {
    const canvas = new Canvas(Int32Array.of(1, MASK, 2), 1, null, Int32Array.of(1));
    for (const request of [{ earlyExit: true }, { adaptiveLength: {} }]) {
      const settings = resolveSamplingSettings({ generationLength: 1, ...request }, TOKENS);
      const param = "earlyExit" in request ? "early_exit" : "adaptive_length";
      expect(() => new ReverseProcess(canvas, settings, createCounterRandom(0, 0))).toThrow(
        expect.objectContaining({ code: "invalid_parameter", param }),
      );
    }
  });
});
