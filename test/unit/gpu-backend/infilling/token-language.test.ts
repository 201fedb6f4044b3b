import fc from "fast-check";
import { describe, it } from "vitest";
import { createOptionLanguage } from "../../../../gpu-backend/infilling/option-language.ts";
import { createStringLanguage } from "../../../../gpu-backend/infilling/string-language.ts";
import { createTextLanguage } from "../../../../gpu-backend/infilling/text-language.ts";
import {
  allowedClasses,
  possibleLengths,
  type TokenLanguage,
} from "../../../../gpu-backend/infilling/token-language.ts";
import { CODEC, MASK } from "./small-vocabulary.ts";

const STATES = 4;
const CLASSES = 3;

/** Any automaton of four states over three classes. */
const languages: fc.Arbitrary<TokenLanguage> = fc
  .record({
    transitions: fc.array(fc.integer({ min: -1, max: STATES - 1 }), {
      minLength: STATES * CLASSES,
      maxLength: STATES * CLASSES,
    }),
    accepting: fc.array(fc.constantFrom(0, 1), { minLength: STATES, maxLength: STATES }),
  })
  .map(({ transitions, accepting }) => ({
    stateCount: STATES,
    classCount: CLASSES,
    classOf: Int16Array.of(0, 1, 2),
    transitions: Int32Array.from(transitions),
    accepting: Uint8Array.from(accepting),
  }));

/** Every sequence of `length` classes that the language has, by trying all. */
function sequences(language: TokenLanguage, length: number): number[][] {
  const all = Array.from({ length: CLASSES ** length }, (_, code) =>
    Array.from({ length }, (_digit, place) => Math.floor(code / CLASSES ** place) % CLASSES),
  );
  return all.filter((sequence) => {
    const end = sequence.reduce(
      (state, token) => (state < 0 ? -1 : (language.transitions[state * CLASSES + token] ?? -1)),
      0,
    );
    return language.accepting[end] === 1;
  });
}

describe("allowedClasses", () => {
  it("allows just the classes with which some sequence of the language agrees", ({ expect }) => {
    const columns = fc.array(fc.constantFrom(null, null, 0, 1, 2), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(languages, columns, (language, known) => {
        const agreeing = sequences(language, known.length).filter((sequence) =>
          known.every((token, column) => token === null || sequence[column] === token),
        );
        const expected = known.map((_, column) =>
          [0, 1, 2].map((token) => Number(agreeing.some((sequence) => sequence[column] === token))),
        );
        expect(allowedClasses(language, known).map((classes) => [...classes])).toEqual(expected);
      }),
      { numRuns: 200 },
    );
  });
});

describe("possibleLengths", () => {
  it("lists the lengths at which the language has a sequence", ({ expect }) => {
    fc.assert(
      fc.property(languages, (language) => {
        const expected = [1, 2, 3, 4].filter((length) => sequences(language, length).length > 0);
        expect(possibleLengths(language, 4)).toEqual(expected);
      }),
    );
  });
});

describe("the languages", () => {
  it("of text has every token that is text, and no special one", ({ expect }) => {
    const { classOf } = createTextLanguage(CODEC.texts);
    expect(classOf[MASK]).toBe(-1);
    expect([...classOf].every((id, index) => (CODEC.texts[index] === null ? -1 : 0) === id)).toBe(
      true,
    );
  });

  it("of strings leaves out what must be escaped and parts of characters", ({ expect }) => {
    const { classOf } = createStringLanguage(CODEC.texts, 0, null);
    for (const [id, text] of CODEC.texts.entries()) {
      const isPlain = text !== null && text !== "" && JSON.stringify(text) === `"${text}"`;
      const isExpected = isPlain && text !== "\uFFFD" && text !== "\u007F";
      expect([text, (classOf[id] ?? -1) >= 0]).toEqual([text, isExpected]);
    }
  });

  it("of strings counts code points, not code units", ({ expect }) => {
    expect(possibleLengths(createStringLanguage(CODEC.texts, 3, 3), 9)).toEqual([1, 2, 3]);
    const language = createStringLanguage(CODEC.texts, 1, 1);
    const [classes] = allowedClasses(language, [null]);
    const allowed = CODEC.texts.filter((_, id) => classes?.[language.classOf[id] ?? -1] === 1);
    expect(allowed).toContain("😀");
    expect(allowed).not.toContain("ab");
  });

  it("of options has the options and nothing else", ({ expect }) => {
    const options = fc.array(fc.array(fc.nat(2), { minLength: 1, maxLength: 4 }), {
      minLength: 1,
      maxLength: 5,
    });
    fc.assert(
      fc.property(options, (listed) => {
        const language = createOptionLanguage(listed, 3);
        const wanted = new Set(listed.map((option) => option.join()));
        for (const length of possibleLengths(language, 6)) {
          const spelt = allowedClasses(language, Array(length).fill(null));
          expect(spelt).toHaveLength(length);
          expect([...wanted].some((option) => option.split(",").length === length)).toBe(true);
        }
        for (const option of listed) {
          const classes = option.map((id) => language.classOf[id] ?? -1);
          expect(allowedClasses(language, classes).every((row) => row.includes(1))).toBe(true);
        }
      }),
    );
  });
});
