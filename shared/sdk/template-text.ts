/**
 * Text with holes as people type it: `[[5]]` is five tokens, `[[3-8]]` as many from three to eight as fit
 * best.
 */
import type { TemplatePart } from "./api-types.ts";

const HOLE = /\[\[(\d{1,4})(?:-(\d{1,4}))?\]\]/g;

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
