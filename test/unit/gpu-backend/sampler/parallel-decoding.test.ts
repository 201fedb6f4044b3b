import fc from "fast-check";
import { describe, it } from "vitest";
import { Canvas } from "../../../../gpu-backend/canvas/canvas.ts";
import { denoiseRows } from "../../../../gpu-backend/commands/denoise-rows.ts";
import { createCounterRandom } from "../../../../gpu-backend/sampler/counter-random.ts";
import type { Decoding } from "../../../../gpu-backend/sampler/decoding.ts";
import type { DenoisingStep } from "../../../../gpu-backend/sampler/denoising-step.ts";
import { ReverseProcess } from "../../../../gpu-backend/sampler/reverse-process.ts";
import {
  resolveSamplingSettings,
  type SamplingRequest,
} from "../../../../gpu-backend/sampler/sampling-settings.ts";
import {
  createFakeMaskPredictor,
  type FakeLogits,
  hashedLogits,
} from "../../../support/fake-mask-predictor.ts";

const LOGIT_COUNT = 16;
const MASK = 15;
const TOKENS = { maskTokenId: MASK, endOfTextTokenId: 13, endOfTurnTokenId: 14 };

const decodings = fc.constantFrom<Decoding>(
  { kind: "filling-schedule" },
  { kind: "threshold", threshold: 0 },
  { kind: "threshold", threshold: 0.3 },
  { kind: "threshold", threshold: 1 },
  { kind: "factor", factor: 1 },
  { kind: "entropy-bound", bound: 2 },
);

/** A network that would rather predict the mask id than anything else. */
const stubbornLogits: FakeLogits = (tokenIds, position, logitCount) =>
  hashedLogits(tokenIds, position, logitCount).map((logit, id) => (id === MASK ? 20 : logit));

const requests: fc.Arbitrary<SamplingRequest> = fc
  .record({
    blockCount: fc.integer({ min: 1, max: 3 }),
    blockLength: fc.integer({ min: 1, max: 6 }),
    extraSteps: fc.nat(14),
    temperature: fc.constantFrom(0, 1),
    decoding: decodings,
  })
  .map(({ blockCount, extraSteps, ...rest }) => ({
    ...rest,
    generationLength: blockCount * rest.blockLength,
    steps: blockCount + extraSteps,
  }));

async function run(
  prompt: number[],
  request: SamplingRequest,
  logits: FakeLogits = hashedLogits,
): Promise<{ process: ReverseProcess; steps: DenoisingStep[] }> {
  const canvas = Canvas.start({
    promptTokenIds: prompt,
    generationLength: request.generationLength,
    maskTokenId: MASK,
  });
  const settings = resolveSamplingSettings(request, TOKENS);
  const process = new ReverseProcess(canvas, settings, createCounterRandom(3, 0));
  const steps: DenoisingStep[] = [];
  const predictor = createFakeMaskPredictor({ logitCount: LOGIT_COUNT, maxLength: 64, logits });
  await denoiseRows([process], predictor, (round) => steps.push(...round));
  return { process, steps };
}

describe("a decoder that fills its blocks", () => {
  it("ends within its steps with every position filled, whatever the network predicts", async ({
    expect,
  }) => {
    const prompts = fc.array(fc.nat(LOGIT_COUNT - 1), { maxLength: 5 });
    const networks = fc.constantFrom(hashedLogits, stubbornLogits);
    await fc.assert(
      fc.asyncProperty(prompts, requests, networks, async (prompt, request, logits) => {
        const { process, steps } = await run(prompt, request, logits);
        expect(steps.length).toBeLessThanOrEqual(request.steps ?? 0);
        const generated = process.canvas.tokenIds.subarray(prompt.length);
        expect([...generated]).not.toContain(MASK);
        expect(steps.every((step) => step.committed.length > 0)).toBe(true);
      }),
      { numRuns: 150 },
    );
  });

  it("leaves a block as soon as it is filled", async ({ expect }) => {
    const request = { generationLength: 8, blockLength: 4, steps: 8 };
    const { steps } = await run([1, 2], {
      ...request,
      decoding: { kind: "threshold", threshold: 0 },
    });
    expect(steps.map((step) => [step.block, step.blockStep])).toEqual([
      [0, 0],
      [1, 0],
    ]);
  });

  it("gives the ids of LLaDA's schedule when it follows the same quotas", async ({ expect }) => {
    await fc.assert(
      fc.asyncProperty(requests, async (request) => {
        const bare = { ...request, temperature: 0 };
        const paced = await run([1, 2], { ...bare, decoding: { kind: "schedule" } });
        const predictsMask = paced.steps.some(
          (step) => step.committed.length < step.selected.length,
        );
        fc.pre(!predictsMask);
        const filling = await run([1, 2], { ...bare, decoding: { kind: "filling-schedule" } });
        expect(filling.process.canvas.tokenIds).toEqual(paced.process.canvas.tokenIds);
      }),
      { numRuns: 60 },
    );
  });

  it.for([
    { why: "puts off what it is not sure of, to three a step", cap: 4, committed: [1, 1, 2, 3] },
    { why: "meets a lower cap evenly", cap: 2, committed: [4, 3] },
  ])("$why, and fills its block without the mask id", async ({ cap, committed }, { expect }) => {
    const { process, steps } = await run(
      [1],
      {
        generationLength: 7,
        blockLength: 7,
        steps: cap,
        decoding: { kind: "threshold", threshold: 1 },
      },
      stubbornLogits,
    );
    expect(steps.map((step) => step.committed.length)).toEqual(committed);
    expect([...process.canvas.tokenIds]).not.toContain(MASK);
  });
});
