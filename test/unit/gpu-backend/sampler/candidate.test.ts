import fc from "fast-check";
import { describe, it } from "vitest";
import { argmax, gumbelMax, gumbelScore } from "../../../../gpu-backend/sampler/candidate.ts";
import { readGolden } from "../golden-predictor.ts";

interface GoldenGumbel {
  temperature: number;
  logits: number[][];
  uniform: number[][];
  score: number[][];
  argmax: number[];
}

const { gumbel } = readGolden<{ gumbel: GoldenGumbel[] }>("functions.json");
/** The golden scores are written with seven digits. */
const RELATIVE_TOLERANCE = 1e-6;

describe("argmax", () => {
  it("takes the lowest of equal logits, and none where no logit is above minus infinity", ({
    expect,
  }) => {
    const nothing = [Number.NaN, Number.NEGATIVE_INFINITY];
    const logits = Float32Array.from([9, 1, 3, 3, 2, ...nothing]);
    expect(argmax(logits, 1, 5)).toBe(1);
    expect(argmax(logits, 5, 7)).toBe(-1);
  });
});

describe("gumbelScore", () => {
  it("equals LLaDA's add_gumbel_noise in float64", ({ expect }) => {
    for (const { temperature, logits, uniform, score } of gumbel) {
      for (const [row, values] of logits.entries()) {
        for (const [id, logit] of values.entries()) {
          const wanted = score[row]?.[id] ?? Number.NaN;
          const given = gumbelScore(logit, uniform[row]?.[id] ?? Number.NaN, temperature);
          expect(Math.abs(given - wanted)).toBeLessThanOrEqual(RELATIVE_TOLERANCE * wanted);
        }
      }
    }
  });
});

describe("gumbelMax", () => {
  it("chooses the published id", ({ expect }) => {
    for (const golden of gumbel) {
      const chosen = golden.logits.map((values, row) =>
        choose(values, golden.uniform[row] ?? [], golden.temperature),
      );
      expect(chosen).toEqual(golden.argmax);
    }
  });

  it("chooses as if every entry were scored, whatever it passes over", ({ expect }) => {
    const entry = fc.record({
      logit: fc.float({ min: -40, max: 40, noNaN: true }),
      uniform: fc.double({ min: 2 ** -53, max: 1 - 2 ** -53, noNaN: true }),
    });
    const entries = fc.array(entry, { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(entries, fc.double({ min: 0.01, max: 2, noNaN: true }), (values, temperature) => {
        const logits = values.map(({ logit }) => Math.fround(logit));
        const uniform = values.map((value) => value.uniform);
        const scores = logits.map((logit, id) => gumbelScore(logit, uniform[id] ?? 0, temperature));
        const best = scores.indexOf(Math.max(...scores));
        expect(choose(logits, uniform, temperature)).toBe(best);
      }),
    );
  });
});

function choose(values: number[], uniform: number[], temperature: number): number {
  const logits = Float32Array.from(values);
  const likeliest = argmax(logits, 0, logits.length);
  const draw = (id: number) => uniform[id] ?? Number.NaN;
  return gumbelMax(logits, 0, logits.length, likeliest, temperature, draw);
}
