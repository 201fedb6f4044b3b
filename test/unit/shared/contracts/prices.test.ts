import fc from "fast-check";
import { describe, it } from "vitest";
import { PLANS, planSchema } from "../../../../shared/contracts/plans.ts";
import {
  boundPositions,
  chooseUnitPrice,
  STEP_UNIT_PRICES,
  toPlanPrice,
  toStepUnits,
} from "../../../../shared/contracts/prices.ts";
import { tierSchema } from "../../../../shared/contracts/tier-names.ts";
import { TIERS, tierSteps } from "../../../../shared/contracts/tiers.ts";

describe("a price", () => {
  it("is whole after every plan's discount, and never less than it should be", ({ expect }) => {
    for (const plan of planSchema.options) {
      for (const tier of tierSchema.options) {
        const price = toPlanPrice(STEP_UNIT_PRICES[tier], plan);
        expect(Number.isInteger(price)).toBe(true);
        const exact = (STEP_UNIT_PRICES[tier] * (100 - PLANS[plan].discountPercent)) / 100;
        expect(price).toBeGreaterThanOrEqual(exact);
        expect(price).toBeLessThan(exact + 1);
      }
    }
  });

  it("is a tier's lower one only while its passes are short", ({ expect }) => {
    const { draft, quality } = STEP_UNIT_PRICES;
    expect(chooseUnitPrice("draft", { cache: "dual", revision_steps: 0 })).toBe(draft);
    expect(chooseUnitPrice("draft", { cache: "none", revision_steps: 0 })).toBe(quality);
    expect(chooseUnitPrice("draft", { cache: "prefix", revision_steps: 0 })).toBe(quality);
    expect(chooseUnitPrice("draft", { cache: "dual", revision_steps: 1 })).toBe(quality);
    for (const tier of tierSchema.options) {
      const { cache, revisionStepsPerToken } = TIERS[tier];
      const own = { cache, revision_steps: revisionStepsPerToken * 8 };
      expect(chooseUnitPrice(tier, own)).toBe(STEP_UNIT_PRICES[tier]);
    }
  });

  it("counts pages of 256 positions, and guidance twice", ({ expect }) => {
    const none = { cfg_scale: 0 };
    expect(toStepUnits(10, 256, none)).toBe(10);
    expect(toStepUnits(10, 257, none)).toBe(20);
    expect(toStepUnits(10, 257, { cfg_scale: 0.5 })).toBe(40);
  });
});

describe("the bound of a canvas", () => {
  const text = fc.string({ unit: "grapheme", maxLength: 200 });

  it("has a position for each byte and each new token, up to the model's length", ({ expect }) => {
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 300 }), (prompt, length) => {
        const input = { type: "text" as const, text: prompt };
        const bound = boundPositions(input, length, 1_000_000);
        expect(bound).toBeGreaterThanOrEqual(Buffer.byteLength(prompt) + length);
        expect(boundPositions(input, length, 64)).toBeLessThanOrEqual(64);
        const segments = [
          { type: "text" as const, text: prompt },
          { type: "hole" as const, length },
        ];
        expect(
          boundPositions({ type: "template", field: "prompt", segments }, length, 1_000_000),
        ).toBe(bound);
        const messages = [{ role: "user" as const, content: prompt }];
        expect(boundPositions({ type: "messages", messages }, length, 1_000_000)).toBeGreaterThan(
          bound,
        );
      }),
    );
  });
});

describe("a tier's steps", () => {
  it("are its share of the tokens, at least one and at least one a block", ({ expect }) => {
    fc.assert(
      fc.property(
        fc.constantFrom(...tierSchema.options),
        fc.integer({ min: 1, max: 4_096 }),
        fc.option(fc.integer({ min: 1, max: 64 }), { nil: undefined }),
        (tier, length, blockLength) => {
          const steps = tierSteps(tier, length, blockLength);
          expect(steps).toBeGreaterThanOrEqual(Math.ceil(length / (blockLength ?? length)));
          expect(steps).toBeGreaterThanOrEqual(1);
          expect(steps).toBeLessThanOrEqual(length);
          if (blockLength === undefined) {
            expect(steps).toBe(Math.max(1, Math.floor(length / TIERS[tier].tokensPerStep)));
          }
        },
      ),
    );
  });
});
