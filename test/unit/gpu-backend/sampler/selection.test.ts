import fc from "fast-check";
import { describe, it } from "vitest";
import type { Decoding } from "../../../../gpu-backend/sampler/decoding.ts";
import { selectCandidates } from "../../../../gpu-backend/sampler/selection.ts";

function select(confidences: number[], decoding: Decoding, quota = 0, leastCount = 0): number[] {
  const entropies = Float64Array.from(confidences, (confidence) => 1 - confidence);
  return selectCandidates(
    { confidences: Float64Array.from(confidences), entropies },
    quota,
    decoding,
    leastCount,
  );
}

const confidences = fc.array(fc.constantFrom<number>(0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 1), {
  minLength: 1,
  maxLength: 12,
});

describe("selectCandidates", () => {
  it("takes the quota's most confident, the lowest index first among equals", ({ expect }) => {
    const kind = "schedule";
    expect(select([0.2, 0.9, 0.5, 0.9], { kind }, 2)).toEqual([1, 3]);
    expect(select([0.5, 0.9, 0.5, 0.5], { kind }, 2)).toEqual([0, 1]);
    expect(select([0.5, 0.9], { kind: "filling-schedule" }, 0)).toEqual([]);
  });

  it("takes every candidate at or above the threshold, and always the best", ({ expect }) => {
    fc.assert(
      fc.property(confidences, fc.constantFrom(0, 0.5, 0.9, 1), (values, threshold) => {
        const chosen = select(values, { kind: "threshold", threshold });
        const best = values.indexOf(Math.max(...values));
        const wanted = values.flatMap((value, i) => (value >= threshold || i === best ? [i] : []));
        expect(chosen).toEqual(wanted);
      }),
    );
  });

  it("takes the surest beside them where it must take more", ({ expect }) => {
    const values = [0.2, 0.95, 0.6, 0.4, 0.6];
    const threshold = { kind: "threshold", threshold: 0.9 } as const;
    expect(select(values, threshold, 0, 1)).toEqual([1]);
    expect(select(values, threshold, 0, 2)).toEqual([1, 2]);
    expect(select(values, threshold, 0, 4)).toEqual([1, 2, 3, 4]);
    expect(select(values, { kind: "threshold", threshold: 0.5 }, 0, 2)).toEqual([1, 2, 4]);
    expect(select(values, { kind: "entropy-bound", bound: 0 }, 0, 9)).toEqual([0, 1, 2, 3, 4]);
  });

  it("takes the longest run of ranks that the factor allows", ({ expect }) => {
    // Ranks 1 to 4 must reach −∞, 1 − 1/3, 1 − 1/4 and 1 − 1/5.
    const decoding = { kind: "factor", factor: 1 } as const;
    expect(select([0.1, 0.05], decoding)).toEqual([0]);
    expect(select([0.7, 0.67, 0.74], decoding)).toEqual([0, 2]);
    expect(select([0.9, 0.8, 0.95, 0.8], decoding)).toEqual([0, 1, 2, 3]);
    expect(select([0.9, 0.79, 0.95, 0.79], decoding)).toEqual([0, 1, 2]);
  });

  it("takes the surest whose entropies sum to the bound", ({ expect }) => {
    const bounded = (bound: number) => select([0.5, 0.75, 0.75], { kind: "entropy-bound", bound });
    expect(bounded(0)).toEqual([1]);
    expect(bounded(0.49)).toEqual([1]);
    expect(bounded(0.5)).toEqual([1, 2]);
    expect(bounded(1)).toEqual([0, 1, 2]);
  });

  it("is never empty where a decoder chooses by itself", ({ expect }) => {
    const decodings = fc.constantFrom<Decoding>(
      { kind: "threshold", threshold: 1 },
      { kind: "factor", factor: 0.01 },
      { kind: "entropy-bound", bound: 0 },
    );
    fc.assert(
      fc.property(confidences, decodings, (values, decoding) => {
        const chosen = select(values, decoding);
        expect(chosen.length).toBeGreaterThan(0);
        expect(chosen).toEqual([...new Set(chosen)].sort((a, b) => a - b));
      }),
    );
  });
});
