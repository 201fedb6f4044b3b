import fc from "fast-check";
import { describe, it } from "vitest";
import { limitLengths } from "../../../../gpu-backend/infilling/limit-lengths.ts";
import { type Hole, isHole } from "../../../../gpu-backend/infilling/template.ts";
import { createTextLanguage } from "../../../../gpu-backend/infilling/text-language.ts";
import { CODEC } from "./small-vocabulary.ts";

const language = createTextLanguage(CODEC.texts);
const holeOf = (...lengths: number[]): Hole => ({ language, lengths });
const lengthsOf = (segments: ReturnType<typeof limitLengths>) =>
  segments?.filter(isHole).map(({ lengths }) => lengths);

describe("limited lengths", () => {
  it("grow in turn, as far as they fit together", ({ expect }) => {
    const segments = [holeOf(1, 2, 3, 4), { tokenIds: [5] }, holeOf(2, 6), holeOf(1, 2)];
    expect(lengthsOf(limitLengths(segments, 8))).toEqual([[1, 2, 3, 4], [2], [1, 2]]);
    expect(lengthsOf(limitLengths(segments, 12))).toEqual([
      [1, 2, 3, 4],
      [2, 6],
      [1, 2],
    ]);
    expect(lengthsOf(limitLengths(segments, 4))).toEqual([[1], [2], [1]]);
    expect(limitLengths(segments, 3)).toBeNull();
  });

  it("never come to more than is allowed, and keep each hole's shortest", ({ expect }) => {
    const holes = fc
      .uniqueArray(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 6 })
      .map((lengths) => holeOf(...lengths.sort((a, b) => a - b)));
    fc.assert(
      fc.property(fc.array(holes, { minLength: 1, maxLength: 5 }), fc.nat(100), (all, most) => {
        const shortest = all.map(({ lengths }) => lengths[0] ?? 0);
        const sum = (lengths: readonly number[]) => lengths.reduce((a, b) => a + b, 0);
        const limited = lengthsOf(limitLengths(all, most));
        expect(limited === undefined).toBe(sum(shortest) > most);
        if (limited === undefined) return;
        expect(sum(limited.map((lengths) => lengths.at(-1) ?? 0))).toBeLessThanOrEqual(most);
        expect(limited.map(([first]) => first)).toEqual(shortest);
      }),
    );
  });
});
