import fc from "fast-check";
import { describe, it } from "vitest";
import type { CandidateConstraint } from "../../../../gpu-backend/sampler/constraint.ts";
import { ReverseProcess } from "../../../../gpu-backend/sampler/reverse-process.ts";
import type { SamplingRequest } from "../../../../gpu-backend/sampler/sampling-settings.ts";
import type { FakeLogits } from "../../../support/fake-mask-predictor.ts";
import {
  finishRun,
  finishRuns,
  fixedRequests,
  idsOf,
  LOGIT_COUNT,
  MASK,
  networks,
  type Run,
  runStarts,
  startRun,
} from "./run-process.ts";

const REQUEST: SamplingRequest = { generationLength: 4, blockLength: 4, steps: 4 };

/** Each column's logits: one token at `logit`, all others at 0. */
function sureOf(
  choose: (ids: readonly number[], position: number) => [number, number],
): FakeLogits {
  return (ids, position, logitCount) => {
    const [token, logit] = choose(ids, position);
    return Array.from({ length: logitCount }, (_, id) => (id === token ? logit : 0));
  };
}

function revised(run: Run): number[][] {
  return run.steps.map(({ remasked }) => [...remasked]);
}

describe("revision", () => {
  it("begins with the least sure and spreads the doubtful evenly over its steps", async ({
    expect,
  }) => {
    const request = { ...REQUEST, revisionSteps: 2 };
    const run = await finishRun(
      { prompt: [1], seed: 0, request },
      sureOf((_, position) => [3, 1 + position / 10]),
    );
    expect(revised(run)).toEqual([[], [], [], [1, 2], [3, 4], []]);
    expect(run.process.canvas.countMasked(MASK)).toBe(0);
    expect(run.process.stepsSaved).toBe(0);
  });

  it("changes a token that the finished text speaks against", async ({ expect }) => {
    const whole = (ids: readonly number[]) => ids.filter((id) => id === MASK).length === 1;
    const logits = sureOf((ids, position) => {
      if (position !== 1) return [3, 9];
      return whole(ids) && ids[4] !== MASK ? [7, 9] : [5, 10];
    });
    const doubting: FakeLogits = (ids, position, count) =>
      Array.from(logits(ids, position, count), (logit) =>
        position === 1 && !whole(ids) ? logit / 4 : logit,
      );
    const request = { ...REQUEST, steps: 1, revisionSteps: 3 };
    const run = await finishRun({ prompt: [1], seed: 0, request }, doubting);
    expect(run.canvases.at(1)).toEqual([1, MASK, 3, 3, 3]);
    expect(idsOf(run.process)).toEqual([1, 7, 3, 3, 3]);
    expect(run.process.stepsSaved).toBe(2);
  });

  it("takes a token that comes back for confirmed, and ends when none is in doubt", async ({
    expect,
  }) => {
    const run = await finishRun(
      { prompt: [1], seed: 0, request: { ...REQUEST, revisionSteps: 100, revisionThreshold: 1 } },
      sureOf(() => [3, 1]),
    );
    expect(revised(run).flat()).toEqual([1, 2, 3, 4]);
    expect(run.process.stepsSaved).toBe(100 - 4);
  });

  it("takes no step where everything was sure", async ({ expect }) => {
    const run = await finishRun(
      { prompt: [1], seed: 0, request: { ...REQUEST, revisionSteps: 5 } },
      sureOf(() => [3, 20]),
    );
    expect(run.steps).toHaveLength(4);
    expect(run.process.stepsSaved).toBe(5);
  });

  it("leaves alone what was given, and what follows the text's end", async ({ expect }) => {
    await fc.assert(
      fc.asyncProperty(runStarts, networks, async (start, logits) => {
        const request = { ...start.request, revisionSteps: 6 };
        const { canvases, steps } = await finishRun({ ...start, request }, logits);
        for (const [index, { remasked }] of steps.entries()) {
          const after = canvases[index + 1] ?? [];
          expect(after.slice(0, start.prompt.length)).toEqual(start.prompt);
          for (const column of remasked) expect(after[column]).toBe(MASK);
        }
        expect(canvases.at(-1)).not.toContain(MASK);
      }),
      { numRuns: 80 },
    );
  });

  it("keeps to a constraint", async ({ expect }) => {
    /** No two columns side by side hold the same id; of many ids one is always left. */
    const constraint: CandidateConstraint = {
      allowedIds: (ids, column) =>
        Uint8Array.from({ length: LOGIT_COUNT }, (_, id) =>
          id === MASK || id === ids[column - 1] || id === ids[column + 1] ? 0 : 1,
        ),
    };
    await fc.assert(
      fc.asyncProperty(fixedRequests, networks, async (drawn, logits) => {
        const request = { ...drawn, earlyExit: false, revisionSteps: 5, revisionThreshold: 0.9 };
        const { canvas, settings, random } = startRun({ prompt: [1], seed: 3, request });
        const process = new ReverseProcess(canvas, settings, random, constraint);
        await finishRuns([process], logits);
        const ids = idsOf(process);
        expect(ids).not.toContain(MASK);
        expect(ids.slice(1).every((id, index) => id !== ids[index])).toBe(true);
      }),
      { numRuns: 80 },
    );
  });

  it("declares no column final before the run ends", ({ expect }) => {
    const process = startRun({
      prompt: [1, 2],
      seed: 0,
      request: { generationLength: 2, blockLength: 1, steps: 2, revisionSteps: 1 },
    });
    const step = () => {
      const [row] = process.forwardRows();
      const size = (row?.candidateColumns.length ?? 0) * LOGIT_COUNT;
      process.commit([new Float32Array(size)], LOGIT_COUNT);
    };
    const ends: number[] = [];
    for (let count = 0; count < 3; count += 1) {
      ends.push(process.finalEnd);
      step();
    }
    expect(ends).toEqual([2, 2, 2]);
    expect(process.isFinished).toBe(true);
    expect(process.finalEnd).toBe(4);
  });
});
