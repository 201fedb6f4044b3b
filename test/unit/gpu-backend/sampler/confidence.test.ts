import { describe, it } from "vitest";
import { softmaxEntropy, softmaxProbability } from "../../../../gpu-backend/sampler/confidence.ts";

describe("softmaxProbability", () => {
  it("reads one column of many, and leaves minus infinity out", ({ expect }) => {
    const logits = Float32Array.from([50, Math.log(3), 0, Number.NEGATIVE_INFINITY, 50]);
    expect(softmaxProbability(logits, 1, 4, 0, Math.log(3))).toBeCloseTo(0.75, 6);
    expect(softmaxProbability(logits, 1, 4, 2, Math.log(3))).toBe(0);
  });

  it("does not overflow", ({ expect }) => {
    expect(softmaxProbability(Float32Array.from([3e38, 3e38]), 0, 2, 1, Math.fround(3e38))).toBe(
      0.5,
    );
  });

  it("is not a number where a logit is none", ({ expect }) => {
    expect(softmaxProbability(Float32Array.from([1, Number.NaN]), 0, 2, 0, 1)).toBeNaN();
  });
});

describe("softmaxEntropy", () => {
  it("is 0 where one entry is certain, and the logarithm of equal entries' number", ({
    expect,
  }) => {
    const certain = Float32Array.from([9, Number.NEGATIVE_INFINITY]);
    expect(softmaxEntropy(certain, 0, 2, 9)).toBe(0);
    expect(softmaxEntropy(new Float32Array(8), 2, 6, 0)).toBeCloseTo(Math.log(4), 12);
  });
});
