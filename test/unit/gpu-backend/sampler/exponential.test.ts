import fc from "fast-check";
import { describe, it } from "vitest";
import { exponential, sumExponentials } from "../../../../gpu-backend/sampler/exponential.ts";

const RELATIVE_ERROR = 6e-11;

describe("exponential", () => {
  it("equals Math.exp to ten digits", ({ expect }) => {
    fc.assert(
      fc.property(fc.double({ min: -690, max: 0, noNaN: true }), (x) => {
        expect(Math.abs(exponential(x) / Math.exp(x) - 1)).toBeLessThan(RELATIVE_ERROR);
      }),
      { numRuns: 2_000 },
    );
  });

  it("is exact at 0, 0 far below and not a number for none", ({ expect }) => {
    expect(exponential(0)).toBe(1);
    expect(exponential(-0)).toBe(1);
    expect(exponential(-1e5)).toBe(0);
    expect(exponential(Number.NEGATIVE_INFINITY)).toBe(0);
    expect(exponential(Number.NaN)).toBeNaN();
  });
});

describe("sumExponentials", () => {
  it("sums one column of many", ({ expect }) => {
    const logits = Float32Array.from([5, 1, 1, Number.NEGATIVE_INFINITY, 5]);
    expect(sumExponentials(logits, 1, 4, 1)).toBe(2);
    expect(sumExponentials(logits, 0, 2, 5)).toBeCloseTo(1 + Math.exp(-4), 10);
    expect(sumExponentials(Float32Array.from([Infinity]), 0, 1, Infinity)).toBeNaN();
  });
});
