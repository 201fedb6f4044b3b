/**
 * Text with holes as people type it: `[[5]]` is five tokens, `[[3-8]]` as many from three to eight as fit
 * best.
 */
import type { TemplatePart } from "../../../shared/sdk/api-types.ts";

const HOLE = /\[\[(\d{1,4})(?:-(\d{1,4}))?\]\]/g;
/** Characters that a token of English stands for; a Chinese character is one of its own. */
const CHARACTERS_PER_TOKEN = 4;
const LONGEST_HOLE = 64;

/** The parts of `text`; without a hole, `null`. */
export function parseTemplate(text: string): TemplatePart[] | null {
  const parts: TemplatePart[] = [];
  let end = 0;
  for (const match of text.matchAll(HOLE)) {
    const [whole, least = "", most] = match;
    if (match.index > end) parts.push(text.slice(end, match.index));
    const length = Number(least);
    parts.push(most === undefined ? { length } : { min_length: length, max_length: Number(most) });
    end = match.index + whole.length;
  }
  if (end === 0) return null;
  if (end < text.length) parts.push(text.slice(end));
  return parts;
}

/** A hole in the place of `removed`, about as long. */
export function writeHole(removed: string): string {
  const wide = [...removed].filter((character) => character > "\u2e7f").length;
  const narrow = removed.length - wide;
  const length = Math.max(1, wide + Math.ceil(narrow / CHARACTERS_PER_TOKEN));
  return `[[${Math.min(LONGEST_HOLE, length)}]]`;
}
