/**
 * A JSON text whose keys and punctuation are pinned and whose values are holes.
 *
 * Owns: the text's spelling, the language of each value, and that any filling reads as valid JSON.
 * Does not own: which schemas there are (json-schema.ts).
 */

import { ApiError } from "#shared/contracts/errors.ts";
import type { JsonScalar, JsonShape } from "./json-schema.ts";
import { createNumberLanguage, type NumberRange } from "./number-language.ts";
import { createOptionLanguage } from "./option-language.ts";
import { createStringLanguage } from "./string-language.ts";
import {
  demandHole,
  type Hole,
  type PinnedTokens,
  type TemplateSegment,
  type TokenCodec,
} from "./template.ts";
import { possibleLengths, type TokenLanguage } from "./token-language.ts";

/** A value's hole, and its text once it is filled. */
interface ValueHole extends Hole {
  render(tokenIds: readonly number[]): string;
}

/** A template of JSON. */
export interface JsonSkeleton {
  readonly segments: readonly TemplateSegment[];
  /**
   * The JSON text, which parses to a value that is valid under the schema, and each hole's part of it.
   *
   * @param holes Token ids of each hole, in order; each a sequence of the hole's language.
   */
  render(holes: readonly (readonly number[])[]): RenderedJson;
}

/** A filled skeleton as text. */
export interface RenderedJson {
  readonly text: string;
  readonly holeTexts: readonly string[];
}

/** Tokens of a string where the schema does not ask for more. */
export const DEFAULT_MAX_STRING_TOKENS = 16;
/** Characters of a token, roughly: how many tokens a string of some length may have. */
const LONG_TOKEN_CHARACTERS = 4;
const SHORT_TOKEN_CHARACTERS = 2;
/** Tokens of a number where its bounds do not ask for more. */
const USUAL_NUMBER_TOKENS = 6;
const MAX_NUMBER_TOKENS = 17;
/** Different limits of one schema: each costs a look at the whole vocabulary, before any pass. */
const MAX_LANGUAGES = 32;

/**
 * Makes a skeleton of a schema's shape.
 *
 * @param maxStringTokens Most tokens of a string whose `minLength` leaves the choice.
 * @throws {ApiError} `schema_not_supported` if the vocabulary cannot write a value; `no_hole` if the
 *   schema leaves nothing open; `param` begins with `schema`.
 */
export function createJsonSkeleton(
  shape: JsonShape,
  codec: TokenCodec,
  maxStringTokens: number = DEFAULT_MAX_STRING_TOKENS,
): JsonSkeleton {
  const pieces: (string | ValueHole)[] = [];
  const writer = { codec, maxStringTokens, pieces, languages: new Map<string, TokenLanguage>() };
  writeShape(writer, shape, "schema");
  const merged = mergeTexts(pieces);
  const segments = merged.map((piece): ValueHole | PinnedTokens =>
    typeof piece === "string" ? { tokenIds: codec.encode(piece) } : piece,
  );
  demandHole(segments, "schema");
  return {
    segments,
    render(holes) {
      const holeTexts = segments
        .filter(isValueHole)
        .map((hole, index) => hole.render(holes[index] ?? []));
      const rest = holeTexts.values();
      const text = merged.map((piece) =>
        typeof piece === "string" ? piece : (rest.next().value ?? ""),
      );
      return { text: text.join(""), holeTexts };
    },
  };
}

function isValueHole(segment: ValueHole | PinnedTokens): segment is ValueHole {
  return "render" in segment;
}

interface Writer {
  readonly codec: TokenCodec;
  readonly maxStringTokens: number;
  /** What is written so far; appended to. */
  readonly pieces: (string | ValueHole)[];
  /** Languages by what they are made from, so that equal values share one. */
  readonly languages: Map<string, TokenLanguage>;
}

function writeShape(writer: Writer, shape: JsonShape, path: string): void {
  const { pieces } = writer;
  switch (shape.kind) {
    case "object":
      pieces.push("{");
      for (const [index, [name, property]] of shape.properties.entries()) {
        pieces.push(`${index === 0 ? "" : ", "}${JSON.stringify(name)}: `);
        writeShape(writer, property, `${path}.properties.${name}`);
      }
      pieces.push("}");
      return;
    case "array":
      pieces.push("[");
      for (const [index, item] of shape.items.entries()) {
        if (index > 0) pieces.push(", ");
        writeShape(writer, item, `${path}.items`);
      }
      pieces.push("]");
      return;
    case "options":
      writeOptions(writer, shape.values, path);
      return;
    case "string":
      writeString(writer, shape.minLength, shape.maxLength, path);
      return;
    case "number":
      pieces.push(openNumber(writer, shape.range, path));
  }
}

/** Quotes stay outside where all options are strings, since then they are not open. */
function writeOptions(
  { codec, pieces }: Writer,
  values: readonly JsonScalar[],
  path: string,
): void {
  const [only] = values;
  if (values.length === 1 && only !== undefined) {
    pieces.push(JSON.stringify(only));
    return;
  }
  const isQuoted = values.every((value) => typeof value === "string" && value !== "");
  const texts = values.map((value) => {
    const text = JSON.stringify(value);
    return isQuoted ? text.slice(1, -1) : text;
  });
  const options = texts.map((text) => codec.encode(text));
  if (options.some((ids) => ids.length === 0)) throw unwritable(path);
  const textOf = new Map(options.map((ids, index) => [ids.join(), texts[index] ?? ""]));
  const hole: ValueHole = {
    language: createOptionLanguage(options, codec.texts.length),
    lengths: [...new Set(options.map((ids) => ids.length))].sort((a, b) => a - b),
    render: (tokenIds) => textOf.get(tokenIds.join()) ?? "",
  };
  pieces.push(...(isQuoted ? ['"', hole, '"'] : [hole]));
}

function writeString(
  writer: Writer,
  minLength: number,
  maxLength: number | null,
  path: string,
): void {
  const { codec, pieces } = writer;
  if (maxLength === 0) {
    pieces.push('""');
    return;
  }
  const language = share(writer, path, `string ${minLength} ${maxLength}`, () =>
    createStringLanguage(codec.texts, Math.max(1, minLength), maxLength),
  );
  const usual = Math.max(writer.maxStringTokens, Math.ceil(minLength / SHORT_TOKEN_CHARACTERS));
  const most = Math.min(usual, maxLength ?? usual);
  const possible = possibleLengths(language, Math.max(most, minLength));
  const least = Math.ceil(minLength / LONG_TOKEN_CHARACTERS);
  const lengths = chooseLengths(possible, least, most, path);
  pieces.push('"', { language, lengths, render: concatenate(codec) }, '"');
}

function openNumber(writer: Writer, range: NumberRange, path: string): ValueHole {
  const { codec } = writer;
  const language = share(writer, path, `number ${JSON.stringify(range)}`, () =>
    createNumberLanguage(codec.texts, range),
  );
  const possible = possibleLengths(language, MAX_NUMBER_TOKENS);
  const lengths = chooseLengths(possible, 1, USUAL_NUMBER_TOKENS, path);
  return { language, lengths, render: concatenate(codec) };
}

/** The possible lengths between `least` and `most`; if there are none, the possible one next to them. */
function chooseLengths(
  possible: readonly number[],
  least: number,
  most: number,
  path: string,
): readonly number[] {
  const usual = possible.filter((length) => length >= least && length <= most);
  if (usual.length > 0) return usual;
  const next = possible.find((length) => length > most) ?? possible.at(-1);
  if (next === undefined) throw unwritable(path);
  return [next];
}

function share(
  { languages }: Writer,
  path: string,
  key: string,
  create: () => TokenLanguage,
): TokenLanguage {
  const known = languages.get(key);
  if (known === undefined && languages.size >= MAX_LANGUAGES) {
    throw new ApiError(
      "schema_not_supported",
      `The field ${path} is beyond the ${MAX_LANGUAGES} different limits that a schema may have.`,
      { param: path },
    );
  }
  const language = known ?? create();
  languages.set(key, language);
  return language;
}

function concatenate({ texts }: TokenCodec): (tokenIds: readonly number[]) => string {
  return (tokenIds) => tokenIds.map((id) => texts[id] ?? "").join("");
}

/** Neighbouring texts become one, so that they are encoded as one. */
function mergeTexts(pieces: readonly (string | ValueHole)[]): (string | ValueHole)[] {
  const merged: (string | ValueHole)[] = [];
  for (const piece of pieces) {
    const last = merged.at(-1);
    if (typeof piece === "string" && typeof last === "string") merged.splice(-1, 1, last + piece);
    else merged.push(piece);
  }
  return merged;
}

function unwritable(path: string): ApiError {
  return new ApiError(
    "schema_not_supported",
    `The field ${path} asks for a value that the model's tokens cannot write.`,
    { param: path },
  );
}
