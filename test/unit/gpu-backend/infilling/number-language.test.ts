import fc from "fast-check";
import { describe, it } from "vitest";
import { isAbove, isBelow } from "../../../../gpu-backend/infilling/json-limits.ts";
import {
  createNumberLanguage,
  type NumberRange,
} from "../../../../gpu-backend/infilling/number-language.ts";
import { NO_STATE, type TokenLanguage } from "../../../../gpu-backend/infilling/token-language.ts";

const TEXTS = [..."-.0123456789"];

function accepts(language: TokenLanguage, text: string): boolean {
  let state = 0;
  for (const character of text) {
    const tokenClass = language.classOf[TEXTS.indexOf(character)] ?? -1;
    state = language.transitions[state * language.classCount + tokenClass] ?? NO_STATE;
    if (state === NO_STATE) return false;
  }
  return language.accepting[state] === 1;
}

const SPELLING = /^-?(0|[1-9]\d*)(?:\.(\d+))?$/;

/** What the language says of itself, by the number that the text reads as. */
function isMeant(text: string, { isInteger, low, high }: NumberRange): boolean {
  const [, whole = "", fraction = null] = SPELLING.exec(text) ?? [];
  const isSpelt = whole !== "" && !(text.startsWith("-") && Number(text) === 0);
  const isShort = isInteger
    ? whole.length <= 15 && fraction === null
    : whole.length <= 9 && (fraction ?? "").length <= 6;
  const value = Number(text);
  return isSpelt && isShort && isAbove(value, low) && isBelow(value, high);
}

const values = fc.oneof(
  fc.integer({ min: -120, max: 120 }),
  fc.integer({ min: -1200, max: 1200 }).map((n) => n / 100),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom(0, -0, 1e-7, 1e21, -1e300, 0.30000000000000004, 5e-324, 1e9, 1e15, 0.1),
);
const bounds = fc.option(fc.record({ value: values, isExclusive: fc.boolean() }));
const ranges: fc.Arbitrary<NumberRange> = fc.record({
  isInteger: fc.boolean(),
  low: bounds,
  high: bounds,
});
const texts = fc.oneof(
  fc.string({ unit: fc.constantFrom(...TEXTS), maxLength: 8 }),
  values.map((value) => String(value)).filter((text) => /^[-.\d]+$/.test(text)),
  fc.tuple(values, fc.constantFrom("", "0", ".0", ".00", "1")).map(([value, end]) => {
    const text = String(value);
    return /^[-.\d]+$/.test(text) ? text + end : "0";
  }),
);

describe("the language of numbers", () => {
  it("has just JSON's spellings of the range's numbers, however a bound is written", ({
    expect,
  }) => {
    fc.assert(
      fc.property(ranges, fc.array(texts, { minLength: 10, maxLength: 30 }), (range, spelt) => {
        const language = createNumberLanguage(TEXTS, range);
        const own = [range.low, range.high].flatMap((bound) =>
          bound ? [String(bound.value)] : [],
        );
        for (const text of [...spelt, ...own.filter((text) => /^[-.\d]+$/.test(text))]) {
          expect([text, accepts(language, text)]).toEqual([text, isMeant(text, range)]);
        }
      }),
      { numRuns: 250 },
    );
  });

  it("is empty where a range has no number of its digits", ({ expect }) => {
    const language = createNumberLanguage(TEXTS, {
      isInteger: false,
      low: { value: 1e-9, isExclusive: false },
      high: { value: 2e-9, isExclusive: false },
    });
    expect(language.accepting).not.toContain(1);
  });
});
