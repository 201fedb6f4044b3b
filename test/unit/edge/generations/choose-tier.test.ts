import fc from "fast-check";
import { describe, it } from "vitest";
import { chooseTier } from "../../../../edge/generations/choose-tier.ts";
import { boundSteps } from "../../../../shared/contracts/prices.ts";
import {
  completionRequestSchema,
  toGenerationParameters,
} from "../../../../shared/contracts/public-api.ts";
import { type Tier, tierSchema } from "../../../../shared/contracts/tier-names.ts";

const parametersOf = (deadline_ms: number, max_tokens: number) => {
  const request = completionRequestSchema.parse({ prompt: "a", deadline_ms, max_tokens });
  return (tier: Tier) => toGenerationParameters(request, tier);
};

describe("the tier auto", () => {
  it("is the last of the table whose steps fit, and the first where none does", ({ expect }) => {
    const choose = (deadlineMs: number) =>
      chooseTier(parametersOf(deadlineMs, 64), { step_ms: 10 });
    expect([1, 100, 160, 200, 400, 800, 1_600].map(choose)).toEqual([
      "draft",
      "draft",
      "draft",
      "fast",
      "balanced",
      "quality",
      "max",
    ]);
  });

  it("is the first where nothing was measured", ({ expect }) => {
    expect(chooseTier(parametersOf(600_000, 8), {})).toBe("draft");
  });

  it("gets no worse with more time, and always fits but for the first", ({ expect }) => {
    const deadline = fc.integer({ min: 1, max: 600_000 });
    fc.assert(
      fc.property(
        deadline,
        deadline,
        fc.integer({ min: 1, max: 4_096 }),
        fc.double({ min: 0.01, max: 1_000, noNaN: true }),
        (one, other, tokens, step_ms) => {
          const rank = (deadlineMs: number) =>
            tierSchema.options.indexOf(chooseTier(parametersOf(deadlineMs, tokens), { step_ms }));
          expect(rank(Math.max(one, other))).toBeGreaterThanOrEqual(rank(Math.min(one, other)));
          const toParameters = parametersOf(one, tokens);
          const tier = chooseTier(toParameters, { step_ms });
          if (tier !== "draft")
            expect(boundSteps(toParameters(tier)) * step_ms).toBeLessThanOrEqual(one);
        },
      ),
    );
  });
});
