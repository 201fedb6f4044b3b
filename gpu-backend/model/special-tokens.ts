/**
 * Keeps special tokens apart from text that merely spells them.
 *
 * A user who writes `<|mdm_mask|>` means these characters, not the mask. Special tokens are known to the
 * tokenizer under a marked name that no text can spell; {@link markSpecialTokens} gives that name to the
 * ones that a template wrote, and leaves alone what {@link shieldUserText} has broken before.
 *
 * Both marks are high surrogates without a low one after them. Well-formed text has none, and a string
 * that is not well-formed has no encoding but U+FFFD in their place, so nothing is lost by making it so.
 * A lone low surrogate would not do: the tokenizer, which looks at code units, would find it in a pair.
 */

const SHIELD = "\uD800";
const ANY_SHIELD = new RegExp(SHIELD, "gu");
const MARK = "\uD801";

/** Name of a special token inside the tokenizer. */
export function markedName(content: string): string {
  return MARK + content;
}

/** Both directions for one set of special tokens. */
export interface SpecialTokenGuard {
  /** Breaks every special token that `text` spells, or begins to spell at its end. */
  shieldUserText(text: string): string;
  /** Gives special tokens their marked names and mends what was broken as plain text. */
  markSpecialTokens(text: string): string;
}

/** @param contents Special tokens as written; may be empty. */
export function createSpecialTokenGuard(contents: readonly string[]): SpecialTokenGuard {
  const longestFirst = contents
    .filter((content) => content !== "")
    .sort((a, b) => b.length - a.length);
  const longest = longestFirst[0]?.length ?? 0;
  const anyToken = longestFirst.map(escapePattern).join("|") || "(?!)";
  const token = new RegExp(anyToken, "gu");
  // One character at a time, so that of two overlapping tokens both are found.
  const firstCharacter = new RegExp(`(?=${anyToken})[^]`, "gu");

  function endsWithin(text: string): boolean {
    for (let start = Math.max(0, text.length - longest + 1); start < text.length; start += 1) {
      const tail = text.slice(start);
      if (longestFirst.some((content) => content.startsWith(tail))) {
        return true;
      }
    }
    return false;
  }

  return {
    shieldUserText(text) {
      const broken = text.toWellFormed().replace(firstCharacter, `$&${SHIELD}`);
      return endsWithin(broken) ? broken + SHIELD : broken;
    },
    markSpecialTokens: (text) => text.replace(token, markedName).replace(ANY_SHIELD, ""),
  };
}

function escapePattern(content: string): string {
  return content.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}
