/**
 * A text with holes, laid out on a canvas.
 *
 * Owns: what a template is made of, the checks that need no model, and the columns that holes take.
 * Does not own: how long a hole of several possible lengths gets (length-choice.ts), what it may hold
 * (hole-constraint.ts).
 */

import { ApiError } from "#shared/contracts/errors.ts";
import { Canvas } from "../canvas/canvas.ts";
import { createTextLanguage } from "./text-language.ts";
import type { TokenLanguage, TokenTexts } from "./token-language.ts";

/** A run of masked columns between pinned tokens. */
export interface Hole {
  readonly language: TokenLanguage;
  /** Tokens that it may have, ascending, at least one entry; each at least 1. */
  readonly lengths: readonly number[];
}

/** Tokens that stay as they are. */
export interface PinnedTokens {
  readonly tokenIds: readonly number[];
}

/** Longest hole, tokens; a model's context may hold fewer. */
const MAX_HOLE_LENGTH = 4_096;

/** One part of a template. */
export type TemplateSegment = Hole | PinnedTokens;

/** A part of a template as asked for: text, ids, or a hole by its length in tokens. */
export type TemplatePart =
  | string
  | { readonly tokenIds: readonly number[] }
  | { readonly minLength: number; readonly maxLength: number };

/** How text and ids belong together. */
export interface TokenCodec {
  /** Encodes text in which a special token's spelling is only characters. */
  encode(text: string): number[];
  readonly texts: TokenTexts;
}

/** A tokenizer as templates meet it. */
interface TemplateTokenizer {
  encodeUserText(text: string): number[];
  decodeToken(id: number): string;
  isSpecial(id: number): boolean;
}

/** Pinned text is user text: a special token's spelling in it is only characters. */
export function createTokenCodec(tokenizer: TemplateTokenizer, logitCount: number): TokenCodec {
  return {
    encode: (text) => tokenizer.encodeUserText(text),
    texts: Array.from({ length: logitCount }, (_, id) =>
      tokenizer.isSpecial(id) ? null : tokenizer.decodeToken(id),
    ),
  };
}

/** A hole with its place. */
export interface PlacedHole {
  readonly language: TokenLanguage;
  /** First column. */
  readonly start: number;
  /** The column after the last. */
  readonly end: number;
}

/** A template on a canvas. */
export interface TemplateLayout {
  /** Masked in the holes and nowhere else; its generation region begins with the first hole. */
  readonly canvas: Canvas;
  /** In the template's order. */
  readonly holes: readonly PlacedHole[];
}

/** Tells holes from pinned tokens. */
export function isHole(segment: TemplateSegment): segment is Hole {
  return "language" in segment;
}

/**
 * Makes segments of a template's parts.
 *
 * @param maskTokenId May not be pinned: its column would be another hole.
 * @throws {ApiError} `no_hole`, `hole_length_invalid` or `invalid_parameter`; `param` is `template` or
 *   the part's field in it.
 */
export function readTemplate(
  parts: readonly TemplatePart[],
  codec: TokenCodec,
  maskTokenId: number,
): TemplateSegment[] {
  const language = createTextLanguage(codec.texts);
  const segments = parts.map((part, index): TemplateSegment => {
    if (typeof part === "string") return { tokenIds: codec.encode(part) };
    if ("tokenIds" in part) return readPinned(part.tokenIds, index, codec, maskTokenId);
    return { language, lengths: readLengths(part.minLength, part.maxLength, index) };
  });
  demandHole(segments, "template");
  return segments;
}

/**
 * Refuses what has nothing to fill.
 *
 * @throws {ApiError} `no_hole`.
 */
export function demandHole(segments: readonly TemplateSegment[], param: string): void {
  if (segments.some(isHole)) return;
  throw new ApiError("no_hole", `The field ${param} leaves nothing to fill.`, { param });
}

function readPinned(
  tokenIds: readonly number[],
  index: number,
  { texts }: TokenCodec,
  maskTokenId: number,
): PinnedTokens {
  const wrong = tokenIds.findIndex((id) => !(id >= 0 && id < texts.length) || id === maskTokenId);
  if (wrong >= 0) {
    const param = `template.${index}.token_ids.${wrong}`;
    const complaint =
      tokenIds[wrong] === maskTokenId ? "is the mask id" : `is not below ${texts.length}`;
    throw new ApiError("invalid_parameter", `The field ${param} ${complaint}.`, { param });
  }
  return { tokenIds };
}

function readLengths(minLength: number, maxLength: number, index: number): number[] {
  for (const [name, value] of Object.entries({ min_length: minLength, max_length: maxLength })) {
    if (Number.isInteger(value) && value >= 1 && value <= MAX_HOLE_LENGTH) continue;
    const field = minLength === maxLength ? "length" : name;
    throw invalidLength(index, field, `is a whole number from 1 to ${MAX_HOLE_LENGTH}`);
  }
  if (minLength > maxLength) throw invalidLength(index, "max_length", "is below min_length");
  return Array.from({ length: maxLength - minLength + 1 }, (_, i) => minLength + i);
}

function invalidLength(index: number, field: string, complaint: string): ApiError {
  const param = `template.${index}.${field}`;
  return new ApiError("hole_length_invalid", `The field ${param} ${complaint}.`, { param });
}

/** Columns of the template if every hole were as long as may be. */
export function longestTemplate(segments: readonly TemplateSegment[]): number {
  return segments.reduce(
    (sum, segment) =>
      sum + (isHole(segment) ? (segment.lengths.at(-1) ?? 0) : segment.tokenIds.length),
    0,
  );
}

/**
 * Lays a template out behind a prompt.
 *
 * @param promptTokenIds Without a mask id; may be empty.
 * @param lengths One per hole, in order.
 */
export function layOutTemplate(
  promptTokenIds: readonly number[],
  segments: readonly TemplateSegment[],
  lengths: readonly number[],
  maskTokenId: number,
): TemplateLayout {
  const tokenIds = [...promptTokenIds];
  const holes: PlacedHole[] = [];
  const holeColumns: number[] = [];
  for (const segment of segments) {
    if (!isHole(segment)) {
      for (const id of segment.tokenIds) tokenIds.push(id);
      continue;
    }
    const start = tokenIds.length;
    const end = start + (lengths[holes.length] ?? 0);
    holes.push({ language: segment.language, start, end });
    for (let column = start; column < end; column += 1) {
      holeColumns.push(column);
      tokenIds.push(maskTokenId);
    }
  }
  const canvas = new Canvas(
    Int32Array.from(tokenIds),
    holeColumns[0] ?? tokenIds.length,
    null,
    Int32Array.from(holeColumns),
  );
  return { canvas, holes };
}
