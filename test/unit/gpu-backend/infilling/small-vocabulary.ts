/**
 * A vocabulary that is small and mean: tokens that end strings, half numbers, parts of characters,
 * tokens that open what they do not close.
 */
import type { TokenCodec } from "../../../../gpu-backend/infilling/template.ts";
import { type FakeLogits, hashedLogits } from "../../../support/fake-mask-predictor.ts";

export const MASK = 0;
export const END_OF_TEXT = 1;
export const TOKENS = { maskTokenId: MASK, endOfTextTokenId: END_OF_TEXT, endOfTurnTokenId: null };

const TEXTS = [
  null,
  null,
  "",
  "\uFFFD",
  ...'"\\{}[]:, -.0123456789abcdefghijklmnopqrstuvwxyz_é😀',
  ...['",', '"}', '\\"', "12", "007", "-3", ".5", "1.", "0.", "00", "ab", "true", "null", " a"],
  ..."\n\t\u0001\u007F",
  "abcdefgh",
];

/** Encodes with the longest token first; a character that no token has becomes U+FFFD. */
export const CODEC: TokenCodec = {
  texts: TEXTS,
  encode(text) {
    const ids: number[] = [];
    for (let rest = text; rest !== ""; ) {
      const id = longestPrefix(rest);
      ids.push(id);
      rest = rest.slice(TEXTS[id]?.length ?? 1);
    }
    return ids;
  },
};

function longestPrefix(text: string): number {
  let best = 3;
  for (const [id, token] of TEXTS.entries()) {
    if (token === null || token === "" || !text.startsWith(token)) continue;
    if (best === 3 || token.length > (TEXTS[best]?.length ?? 0)) best = id;
  }
  return best;
}

export const LOGIT_COUNT = TEXTS.length;

/** The text of ids. */
export function spell(tokenIds: Iterable<number>): string {
  return [...tokenIds].map((id) => TEXTS[id] ?? "").join("");
}

/** Networks that would ruin the text if they were let. */
export const NETWORKS: Readonly<Record<string, FakeLogits>> = {
  random: hashedLogits,
  quotes: favouring('"', '",', '\\"', "\\"),
  braces: favouring("{", "}", "[", "]", ","),
  mask: (ids, position, count) =>
    hashedLogits(ids, position, count).map((logit, id) => (id === MASK ? 20 : logit)),
  "end of text": (ids, position, count) =>
    hashedLogits(ids, position, count).map((logit, id) => (id === END_OF_TEXT ? 20 : logit)),
  digits: favouring("0", "9", "12", "007", "-", ".", "-3", "00"),
  "one token": (_ids, _position, count) => Array.from({ length: count }, (_, id) => -id),
};

function favouring(...texts: string[]): FakeLogits {
  return (ids, position, count) =>
    hashedLogits(ids, position, count).map((logit, id) =>
      texts.includes(TEXTS[id] ?? "") ? logit + 20 : logit,
    );
}
