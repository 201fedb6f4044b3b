import fc from "fast-check";
import { describe, it } from "vitest";
import { resolveSamplingSettings } from "../../../../gpu-backend/sampler/sampling-settings.ts";
import { spellingLogits } from "../../../support/fake-mask-predictor.ts";
import { finishRun, fixedRequests, idsOf, MASK, startRun, TOKENS } from "./run-process.ts";

const PROMPT = [1, 2, 3];
const prompts = fc.array(fc.nat(12), { maxLength: 5 });
const kinds = fc.constantFrom("prefix" as const, "dual" as const);
const starts = fc.record({
  prompt: prompts,
  seed: fc.nat(99),
  request: fixedRequests,
  kind: kinds,
});

const isLater = ({ blockStep }: { blockStep: number }) => blockStep > 0;

describe("a run with a cache", () => {
  it("feeds the whole canvas at a block's first step and a part of it at the others", async ({
    expect,
  }) => {
    await fc.assert(
      fc.asyncProperty(starts, async ({ prompt, seed, request, kind }) => {
        const run = await finishRun({ prompt, seed, request: { ...request, cache: kind } });
        const { blockLength = 0 } = request;
        const length = prompt.length + request.generationLength;
        const steps = run.steps.filter(({ block }) => block < run.process.blockCount);
        for (const { forward, fedColumns } of steps.filter(({ blockStep }) => blockStep === 0)) {
          expect({ forward, fedColumns }).toEqual({ forward: "full", fedColumns: length });
        }
        for (const { block, forward, fedColumns, positions } of steps.filter(isLater)) {
          const start = prompt.length + block * blockLength;
          const part = { prefix: length - start, dual: blockLength }[kind];
          expect({ forward, fedColumns }).toEqual({ forward: kind, fedColumns: part });
          expect(positions.every((column) => column >= start)).toBe(true);
        }
      }),
      { numRuns: 60 },
    );
  });

  it("counts a part of a row as one forward pass, and its columns as positions computed", async ({
    expect,
  }) => {
    const request = { generationLength: 8, blockLength: 4, steps: 8 } as const;
    for (const guidanceScale of [0, 1]) {
      const start = { prompt: PROMPT, seed: 0, request: { ...request, guidanceScale } };
      const whole = await finishRun(start);
      const cached = await finishRun({ ...start, request: { ...start.request, cache: "dual" } });
      expect(cached.process.forwardPasses).toBe(whole.process.forwardPasses);
      const rows = guidanceScale > 0 ? 2 : 1;
      expect(whole.process.positionsComputed).toBe(rows * 8 * 11);
      expect(cached.process.positionsComputed).toBe(rows * 2 * (11 + 3 * 4));
    }
  });

  it("has the canvas before the block's first step as context, without the prompt under guidance", ({
    expect,
  }) => {
    const request = { generationLength: 4, steps: 4, guidanceScale: 1, cache: "prefix" } as const;
    const process = startRun({ prompt: PROMPT, seed: 0, request });
    const before = idsOf(process);
    const first = process.forwardRows();
    expect(first.map(({ isContext, span }) => [isContext, span])).toEqual([
      [true, undefined],
      [true, undefined],
    ]);
    process.commit(
      [0, 1].map(() => Float32Array.from({ length: 64 }, (_, i) => i % 7)),
      16,
    );
    expect(idsOf(process)).not.toEqual(before);
    const contexts = process.forwardRows().map(({ span }) => [...(span?.contextTokenIds ?? [])]);
    expect(contexts).toEqual([before, before.map(() => MASK)]);
  });

  it("goes on for the least steps of a block although it is filled", async ({ expect }) => {
    const request = {
      generationLength: 8,
      blockLength: 4,
      steps: 8,
      decoding: { kind: "threshold", threshold: 0 },
      cache: "dual",
    } as const;
    const logits = spellingLogits((position) => position);
    const short = await finishRun({ prompt: PROMPT, seed: 0, request }, logits);
    const repeated = { ...request, minBlockSteps: 2 };
    const long = await finishRun({ prompt: PROMPT, seed: 0, request: repeated }, logits);
    expect(short.steps.map(({ block }) => block)).toEqual([0, 1]);
    expect(long.steps.map(({ block }) => block)).toEqual([0, 0, 1, 1]);
    expect(long.steps.map(({ positions }) => positions.length)).toEqual([4, 0, 4, 0]);
    expect(idsOf(long.process)).toEqual(idsOf(short.process));
    expect(long.process.stepsSaved).toBeGreaterThanOrEqual(0);
  });

  it("is refused where the canvas may grow", ({ expect }) => {
    const request = { generationLength: 8, adaptiveLength: {}, cache: "dual" } as const;
    expect(() => resolveSamplingSettings(request, TOKENS)).toThrow(
      expect.objectContaining({ code: "invalid_parameter", param: "cache" }),
    );
  });
});
