import { buildLanguage, type TokenLanguage, type TokenTexts } from "./token-language.ts";

/** Quotes, backslashes and control characters end or escape; U+FFFD stands for a part of a character. */
const UNSAFE = /["\\\p{Cc}\uFFFD]|\p{Cs}/u;

/**
 * What may stand between the quotes of a JSON string as it is: no token that needs an escape, none
 * that is a part of a character.
 *
 * @param minLength Fewest characters, Unicode code points as JSON Schema counts them.
 * @param maxLength Most characters; null for any number.
 */
export function createStringLanguage(
  texts: TokenTexts,
  minLength: number,
  maxLength: number | null,
): TokenLanguage {
  const counted = maxLength ?? minLength;
  return buildLanguage(
    texts,
    {
      start: "0",
      next(state, added) {
        const length = Number(state) + Number(added);
        if (maxLength !== null && length > maxLength) return null;
        return String(Math.min(length, counted));
      },
      isAccepting: (state) => Number(state) >= minLength,
    },
    (text) => (UNSAFE.test(text) ? null : String([...text].length)),
  );
}
