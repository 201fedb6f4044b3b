import fc from "fast-check";
import { describe, it } from "vitest";
import { createCounterRandom } from "../../../../gpu-backend/sampler/counter-random.ts";

const seeds = fc.nat(Number.MAX_SAFE_INTEGER);
const draws = fc.record({ step: fc.nat(9_000), column: fc.nat(5_000), id: fc.nat(130_000) });

describe("createCounterRandom", () => {
  it("draws the same for a name, in whatever order names are drawn", ({ expect }) => {
    fc.assert(
      fc.property(seeds, fc.array(draws, { minLength: 1 }), (seed, names) => {
        const forward = createCounterRandom(seed, 0);
        const backward = createCounterRandom(seed, 0);
        const first = names.map(({ step, column, id }) => [
          forward.gumbelUniform(step, column, id),
          forward.confidence(step, column),
        ]);
        const second = names.toReversed().map(({ step, column, id }) => {
          const confidence = backward.confidence(step, column);
          return [backward.gumbelUniform(step, column, id), confidence];
        });
        expect(second.toReversed()).toEqual(first);
      }),
    );
  });

  it("counts positions from the row's first real column", ({ expect }) => {
    fc.assert(
      fc.property(seeds, draws, fc.nat(500), (seed, { step, column, id }, padding) => {
        const bare = createCounterRandom(seed, 0);
        const padded = createCounterRandom(seed, padding);
        expect(padded.gumbelUniform(step, column + padding, id)).toBe(
          bare.gumbelUniform(step, column, id),
        );
        expect(padded.confidence(step, column + padding)).toBe(bare.confidence(step, column));
      }),
    );
  });

  it("stays inside (0, 1), with the mean and variance of a uniform", ({ expect }) => {
    const random = createCounterRandom(7, 0);
    const values = Array.from({ length: 20_000 }, (_, id) => random.gumbelUniform(3, 11, id));
    expect(Math.min(...values)).toBeGreaterThan(0);
    expect(Math.max(...values)).toBeLessThan(1);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    // Five standard errors.
    expect(Math.abs(mean - 1 / 2)).toBeLessThan(0.0102);
    expect(Math.abs(variance - 1 / 12)).toBeLessThan(0.0027);
  });

  it("differs between seeds, also above 32 bits, steps, columns, entries and purposes", ({
    expect,
  }) => {
    const names = [
      createCounterRandom(1, 0).gumbelUniform(0, 0, 0),
      createCounterRandom(2, 0).gumbelUniform(0, 0, 0),
      createCounterRandom(1 + 2 ** 40, 0).gumbelUniform(0, 0, 0),
      createCounterRandom(1, 0).gumbelUniform(1, 0, 0),
      createCounterRandom(1, 0).gumbelUniform(0, 1, 0),
      createCounterRandom(1, 0).gumbelUniform(0, 0, 1),
      createCounterRandom(1, 0).gumbelUniform(0, 0, 2),
      createCounterRandom(1, 0).confidence(0, 0),
    ];
    expect(new Set(names).size).toBe(names.length);
  });
});
