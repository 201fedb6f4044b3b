/** What a generation may run at most is what was held for it, whatever decodes it. */
import fc from "fast-check";
import { describe, it } from "vitest";
import { quoteGeneration } from "../../../../edge/billing/quote.ts";
import { checkBody } from "../../../../edge/middleware/check-body.ts";
import { boundPositions, boundSteps, toStepUnits } from "../../../../shared/contracts/prices.ts";
import {
  completionRequestSchema,
  toGenerationParameters,
  toTier,
} from "../../../../shared/contracts/public-api.ts";
import { tierSchema } from "../../../../shared/contracts/tier-names.ts";
import {
  createFakeMaskPredictor,
  hashedLogits,
  spellingLogits,
} from "../../../support/fake-mask-predictor.ts";
import { createTestEngine, SPECIAL_TOKENS, watchGeneration } from "./engine-bench.ts";

const PROMPT = "abc";
const MAX_LENGTH = 512;

const parameters = fc
  .record({
    blockLength: fc.integer({ min: 1, max: 12 }),
    blockCount: fc.integer({ min: 1, max: 4 }),
    stepsPerBlock: fc.integer({ min: 1, max: 16 }),
    confidence_threshold: fc.option(fc.constantFrom(0, 0.2, 0.9, 1), { nil: undefined }),
    cache: fc.constantFrom("none", "prefix", "dual"),
    early_exit: fc.boolean(),
    revision_steps: fc.integer({ min: 0, max: 12 }),
    temperature: fc.constantFrom(0, 0.7),
    cfg_scale: fc.constantFrom(0, 1),
    remasking: fc.constantFrom("low_confidence", "random"),
    seed: fc.nat(1_000),
  })
  .map(({ blockLength, blockCount, stepsPerBlock, ...rest }) => ({
    ...rest,
    max_tokens: blockLength * blockCount,
    block_length: blockLength,
    steps: stepsPerBlock * blockCount,
    revision_steps: rest.remasking === "random" ? 0 : rest.revision_steps,
  }));

/** Networks that are unsure of everything, sure of everything, and sure of an early end. */
const networks = fc.constantFrom(
  hashedLogits,
  spellingLogits((position) => position % 29),
  spellingLogits((position) => (position > 6 ? SPECIAL_TOKENS.endOfTextTokenId : position)),
);

/** Bodies that name a tier, or none, and some of the fields that go before it. */
const bodies = fc
  .record(
    {
      tier: fc.constantFrom(...tierSchema.options),
      max_tokens: fc.integer({ min: 1, max: 48 }),
      block_length: fc.constantFrom(1, 2),
      confidence_threshold: fc.constantFrom(0.3, 1),
      cache: fc.constantFrom("none", "prefix", "dual"),
      early_exit: fc.boolean(),
      revision_steps: fc.integer({ min: 0, max: 8 }),
      temperature: fc.constantFrom(0, 0.7),
      cfg_scale: fc.constantFrom(0, 1),
      remasking: fc.constantFrom("low_confidence", "random"),
    },
    { requiredKeys: [] },
  )
  .filter((body) => completionRequestSchema.safeParse({ prompt: PROMPT, ...body }).success);

describe("a request", () => {
  it("is never charged more than is held for it, in any tier", async ({ expect }) => {
    await fc.assert(
      fc.asyncProperty(bodies, networks, async (body, logits) => {
        const request = checkBody(completionRequestSchema, { prompt: PROMPT, ...body });
        const tier = tierSchema.parse(toTier(request));
        const quoted = {
          tier,
          input: { type: "text", text: PROMPT } as const,
          parameters: toGenerationParameters(request, tier),
          maxLength: MAX_LENGTH,
        };
        const { maxSteps, maxStepUnits } = quoteGeneration(quoted);
        const engine = createTestEngine(createFakeMaskPredictor({ logits }));
        const { generation, finished } = watchGeneration([0, 1, 2], quoted.parameters);
        expect(generation.steps).toBe(maxSteps);
        engine.submit(generation);
        const { outcome, usage } = await finished;
        expect(outcome).toBe("completed");
        expect(usage.stepUnits).toBeLessThanOrEqual(maxStepUnits);
      }),
      { numRuns: 150 },
    );
  });
});

describe("a generation", () => {
  it("runs within its bound, pays for what it ran, and ends with the text of its stream", async ({
    expect,
  }) => {
    await fc.assert(
      fc.asyncProperty(parameters, networks, async (asked, logits) => {
        const engine = createTestEngine(createFakeMaskPredictor({ logits }));
        const { generation, events, finished } = watchGeneration([0, 1, 2], asked);
        const maxSteps = boundSteps(asked);
        expect(generation.steps).toBe(maxSteps);
        engine.submit(generation);
        const last = await finished;
        const steps = events.filter((event) => event.type === "step");
        const { usage } = last;
        expect(steps.map(({ step }) => step)).toEqual([...steps.keys()].map((i) => i + 1));
        expect(usage).toMatchObject({ steps: steps.length, stepsSaved: maxSteps - steps.length });
        const input = { type: "text", text: PROMPT } as const;
        const positions = boundPositions(input, asked.max_tokens, MAX_LENGTH);
        expect(usage.stepUnits).toBeLessThanOrEqual(toStepUnits(maxSteps, positions, asked));
        expect(last).toMatchObject({
          outcome: "completed",
          text: steps.map(({ textDelta }) => textDelta).join(""),
        });
        if (asked.confidence_threshold !== undefined) expect(steps.at(-1)?.maskedCount).toBe(0);
      }),
      { numRuns: 150 },
    );
  });

  it("gives out no text before its revision is over, and bills the revision's steps", async ({
    expect,
  }) => {
    const engine = createTestEngine(createFakeMaskPredictor());
    const asked = { max_tokens: 8, steps: 8, block_length: 8, revision_steps: 4 };
    const { generation, events, finished } = watchGeneration([0], asked);
    engine.submit(generation);
    const { usage } = await finished;
    expect(usage.steps).toBeGreaterThan(8);
    expect(usage.forwardPasses).toBe(usage.steps);
    const deltas = events.flatMap((event) => (event.type === "step" ? [event.textDelta] : []));
    expect(deltas.slice(0, -1).join("")).toBe("");
  });

  it("ends with its text under an early exit", async ({ expect }) => {
    const logits = spellingLogits((position) =>
      position > 3 ? SPECIAL_TOKENS.endOfTextTokenId : position,
    );
    const engine = createTestEngine(createFakeMaskPredictor({ logits }));
    const asked = { max_tokens: 16, steps: 16, block_length: 16, early_exit: true };
    const { generation, finished } = watchGeneration([0], asked);
    engine.submit(generation);
    expect(await finished).toMatchObject({
      text: "bcd",
      finishReason: "stop",
      usage: { steps: 4, stepsSaved: 12, forwardPasses: 4, stepUnits: 4 },
    });
  });
});
