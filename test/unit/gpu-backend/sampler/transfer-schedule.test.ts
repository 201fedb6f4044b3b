import fc from "fast-check";
import { describe, it } from "vitest";
import {
  stepsOfBlock,
  transferSchedule,
} from "../../../../gpu-backend/sampler/transfer-schedule.ts";
import { readGolden } from "../golden-predictor.ts";

interface GoldenFunctions {
  num_transfer_tokens: { masked: number; steps: number; counts: number[] }[];
  num_transfer_tokens_batch: { masked: number[]; steps: number; counts: number[][] };
}

describe("transferSchedule", () => {
  it("equals LLaDA's get_num_transfer_tokens", ({ expect }) => {
    const golden = readGolden<GoldenFunctions>("functions.json");
    for (const { masked, steps, counts } of golden.num_transfer_tokens) {
      expect(transferSchedule(masked, steps)).toEqual(counts);
    }
    const batch = golden.num_transfer_tokens_batch;
    expect(batch.masked.map((masked) => transferSchedule(masked, batch.steps))).toEqual(
      batch.counts,
    );
  });

  it("sums to the masks and spreads them evenly, the larger shares first", ({ expect }) => {
    fc.assert(
      fc.property(fc.nat(5_000), fc.integer({ min: 1, max: 600 }), (masked, steps) => {
        const schedule = transferSchedule(masked, steps);
        expect(schedule).toHaveLength(steps);
        expect(schedule.reduce((sum, quota) => sum + quota, 0)).toBe(masked);
        expect(Math.max(...schedule) - Math.min(...schedule)).toBeLessThanOrEqual(1);
        expect(schedule).toEqual([...schedule].sort((a, b) => b - a));
      }),
    );
  });
});

describe("stepsOfBlock", () => {
  it("sums to all steps, gives every block one, and divides evenly where it can", ({ expect }) => {
    const counts = fc
      .integer({ min: 1, max: 64 })
      .chain((blocks) => fc.tuple(fc.constant(blocks), fc.integer({ min: blocks, max: 512 })));
    fc.assert(
      fc.property(counts, ([blocks, steps]) => {
        const shares = Array.from({ length: blocks }, (_, block) =>
          stepsOfBlock(steps, blocks, block),
        );
        expect(shares.reduce((sum, share) => sum + share, 0)).toBe(steps);
        expect(Math.min(...shares)).toBeGreaterThanOrEqual(1);
        if (steps % blocks === 0) expect(new Set(shares)).toEqual(new Set([steps / blocks]));
      }),
    );
  });
});
