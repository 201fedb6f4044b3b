import fc from "fast-check";
import { describe, it } from "vitest";
import { chooseBlockLength } from "../../../../gpu-backend/sampler/block-length.ts";

describe("chooseBlockLength", () => {
  it.for([
    { generationLength: 128, steps: 128, blockLength: 32 },
    { generationLength: 64, steps: 1, blockLength: 64 },
    { generationLength: 100, steps: 50, blockLength: 25 },
    { generationLength: 37, steps: 18, blockLength: 37 },
    { generationLength: 74, steps: 37, blockLength: 37 },
    { generationLength: 4, steps: 2, blockLength: 4 },
    { generationLength: 1, steps: 1, blockLength: 1 },
    { generationLength: 96, steps: 2, blockLength: 48 },
  ])("gives $blockLength for $generationLength tokens in $steps steps", (wanted, { expect }) => {
    expect(chooseBlockLength(wanted.generationLength, wanted.steps)).toBe(wanted.blockLength);
  });

  it("always divides the generation and leaves a step for every block", ({ expect }) => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4096 }),
        fc.integer({ min: 1, max: 4096 }),
        (g, steps) => {
          const blockLength = chooseBlockLength(g, steps);
          expect(g % blockLength).toBe(0);
          expect(g / blockLength).toBeLessThanOrEqual(steps);
          expect(blockLength).toBeGreaterThanOrEqual(Math.min(g, 8));
        },
      ),
    );
  });
});
