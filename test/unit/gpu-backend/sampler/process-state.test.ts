import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, it } from "vitest";
import { Canvas } from "../../../../gpu-backend/canvas/canvas.ts";
import { toFrame } from "../../../../gpu-backend/sampler/denoising-frame.ts";
import { exportState, resumeProcess } from "../../../../gpu-backend/sampler/process-state.ts";
import { ReverseProcess } from "../../../../gpu-backend/sampler/reverse-process.ts";
import { resolveSamplingSettings } from "../../../../gpu-backend/sampler/sampling-settings.ts";
import { createTableRandom } from "../../../../gpu-backend/sampler/table-random.ts";
import type { FakeLogits } from "../../../support/fake-mask-predictor.ts";
import {
  finishRun,
  finishRuns,
  LOGIT_COUNT,
  MASK,
  networks,
  type RunStart,
  runStarts,
  startRun,
  TOKENS,
} from "./run-process.ts";

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

async function interrupt(start: RunStart, stepCount: number, logits: FakeLogits): Promise<string> {
  const process = startRun(start);
  await finishRuns([process], logits, stepCount);
  return exportState(process, sha256);
}

const refusal = { code: "invalid_parameter", param: "state" };

describe("a run's state", () => {
  it("continues to the same ids, frames and counters, whatever the strategy and the step", async ({
    expect,
  }) => {
    await fc.assert(
      fc.asyncProperty(runStarts, fc.nat(14), networks, async (start, stepCount, logits) => {
        const whole = await finishRun(start, logits);
        const state = await interrupt(start, stepCount, logits);
        const [rest] = await finishRuns([resumeProcess(state, sha256)], logits);
        const done = whole.steps.length - (rest?.steps.length ?? 0);
        expect(done).toBe(Math.min(stepCount, whole.steps.length));
        expect(rest?.steps.map(toFrame)).toEqual(whole.steps.slice(done).map(toFrame));
        expect(rest?.steps).toEqual(whole.steps.slice(done));
        expect(rest?.process.canvas.tokenIds).toEqual(whole.process.canvas.tokenIds);
        expect(rest?.process.progress).toEqual(whole.process.progress);
        expect(rest?.process.stepsSaved).toBe(whole.process.stepsSaved);
      }),
      { numRuns: 150 },
    );
  });

  it("is written the same by the process that took it up", async ({ expect }) => {
    await fc.assert(
      fc.asyncProperty(runStarts, fc.nat(14), networks, async (start, stepCount, logits) => {
        const state = await interrupt(start, stepCount, logits);
        expect(exportState(resumeProcess(state, sha256), sha256)).toBe(state);
      }),
      { numRuns: 80 },
    );
  });

  it("keeps padding and holes", ({ expect }) => {
    const canvas = new Canvas(
      Int32Array.of(0, 0, 5, MASK, 6, MASK),
      3,
      Uint8Array.of(0, 0, 1, 1, 1, 1),
      Int32Array.of(3, 5),
    );
    const settings = resolveSamplingSettings({ generationLength: 2, steps: 2 }, TOKENS);
    const random = startRun({ prompt: [], seed: 7, request: { generationLength: 1 } }).random;
    const { canvas: again } = resumeProcess(
      exportState(new ReverseProcess(canvas, settings, random), sha256),
      sha256,
    );
    expect(again.tokenIds).toEqual(canvas.tokenIds);
    expect(again.attended).toEqual(canvas.attended);
    expect(again.holeColumns).toEqual(canvas.holeColumns);
    expect(again.promptLength).toBe(3);
  });

  it("takes a few kilobytes for a canvas of a thousand columns of a large vocabulary", async ({
    expect,
  }) => {
    const process = startRun({
      prompt: [],
      seed: 0,
      request: { generationLength: 1024, steps: 1024, revisionSteps: 4 },
    });
    for (const column of process.canvas.tokenIds.keys()) {
      if (column % 2 === 0) process.canvas.tokenIds[column] = (column * 7919) % 126_464;
    }
    expect(exportState(process, sha256).length).toBeLessThan(8192);
  });

  it("is refused when a character of it is changed, cut off or put in", async ({ expect }) => {
    const state = await interrupt(
      { prompt: [1, 2], seed: 3, request: { generationLength: 6, steps: 6, revisionSteps: 2 } },
      3,
      () => Array.from({ length: LOGIT_COUNT }, (_, id) => id / 9),
    );
    const damage = fc.record({
      at: fc.nat(state.length - 1),
      character: fc.constantFrom(...'0123456789AZaz{}[],:"+/='),
      kind: fc.constantFrom("change", "cut", "insert"),
    });
    fc.assert(
      fc.property(damage, ({ at, character, kind }) => {
        fc.pre(kind !== "change" || state[at] !== character);
        const after = kind === "insert" ? at : at + 1;
        const damaged =
          kind === "cut" ? state.slice(0, at) : state.slice(0, at) + character + state.slice(after);
        expect(() => resumeProcess(damaged, sha256)).toThrow(expect.objectContaining(refusal));
      }),
      { numRuns: 400 },
    );
    // The same number, written otherwise.
    const longer = state.replace(/\d\.\d+/, (number) => `${number}0`);
    expect(longer).not.toBe(state);
    expect(() => resumeProcess(longer, sha256)).toThrow(expect.objectContaining(refusal));
  });

  it.for([
    "",
    "null",
    "[]",
    "{}",
    '{"version":2,"digest":"","body":{}}',
    `{"version":1,"digest":"${sha256("1 {}")}","body":{}}`,
    `{"version":1,"digest":"${sha256("1 null")}","body":null}`,
  ])("is refused when it is no state: %s", (state, { expect }) => {
    expect(() => resumeProcess(state, sha256)).toThrow(expect.objectContaining(refusal));
  });

  it("is not to be had of a run whose draws are read from a table", ({ expect }) => {
    const { canvas, settings } = startRun({
      prompt: [],
      seed: 0,
      request: { generationLength: 1 },
    });
    const process = new ReverseProcess(canvas, settings, createTableRandom([], 0));
    expect(() => exportState(process, sha256)).toThrow(expect.objectContaining(refusal));
  });
});
