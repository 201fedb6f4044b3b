import { NO_CLASS, type TokenLanguage, type TokenTexts } from "./token-language.ts";

/** Any sequence of tokens that are text: special tokens, the mask id among them, are never written. */
export function createTextLanguage(texts: TokenTexts): TokenLanguage {
  return {
    stateCount: 1,
    classCount: 1,
    classOf: Int16Array.from(texts, (text) => (text === null ? NO_CLASS : 0)),
    transitions: Int32Array.of(0),
    accepting: Uint8Array.of(1),
  };
}
