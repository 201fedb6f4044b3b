/**
 * The part of JSON Schema that a skeleton can be made of.
 *
 * Owns: which types and keywords are understood, and the refusal of what is not or cannot be met.
 * Does not own: limits on strings, numbers and arrays (json-limits.ts), the skeleton (json-skeleton.ts).
 */

import {
  isAbove,
  isBelow,
  MAX_STRING_LENGTH,
  NUMBER_KEYWORDS,
  readCount,
  readRange,
  readStringLimits,
  STRING_KEYWORDS,
} from "./json-limits.ts";
import { refuse, type Schema, unsatisfiable } from "./json-schema-error.ts";
import type { NumberRange } from "./number-language.ts";

/** A value that is one token sequence, not a structure. */
export type JsonScalar = string | number | boolean | null;

/** What a schema asks for, with every choice but the values made. */
export type JsonShape =
  | { readonly kind: "object"; readonly properties: readonly (readonly [string, JsonShape])[] }
  | { readonly kind: "array"; readonly items: readonly JsonShape[] }
  | { readonly kind: "string"; readonly minLength: number; readonly maxLength: number | null }
  | { readonly kind: "number"; readonly range: NumberRange }
  /** At least one value, all different. */
  | { readonly kind: "options"; readonly values: readonly JsonScalar[] };

/** Deepest nesting. */
const MAX_DEPTH = 32;
/** Most values of a schema. */
const MAX_VALUES = 512;

/** Say nothing about which values are valid. */
const ANNOTATIONS = ["$schema", "title", "description", "default", "examples", "$comment"];
const KEYWORDS: Readonly<Record<string, readonly string[]>> = {
  object: ["properties", "required", "additionalProperties"],
  array: ["items", "minItems", "maxItems"],
  string: STRING_KEYWORDS,
  integer: NUMBER_KEYWORDS,
  number: NUMBER_KEYWORDS,
  boolean: [],
  null: [],
};

/**
 * Reads a schema.
 *
 * Every property is written, required or not, in the schema's order. An array has as many items as
 * `maxItems` says, else `minItems`.
 *
 * @throws {ApiError} `schema_not_supported` or `schema_not_satisfiable`; `param` is the keyword's path
 *   from `schema` on.
 */
export function readJsonSchema(schema: unknown): JsonShape {
  const budget = { values: MAX_VALUES };
  return readShape(schema, "schema", 0, budget);
}

function readShape(
  schema: unknown,
  path: string,
  depth: number,
  budget: { values: number },
): JsonShape {
  budget.values -= 1;
  if (budget.values < 0) throw refuse(path, `is more than the ${MAX_VALUES} values supported`);
  if (depth > MAX_DEPTH) throw refuse(path, `is nested deeper than ${MAX_DEPTH}`);
  if (!isSchema(schema)) throw refuse(path, "must be an object");
  const type = readType(schema, path);
  if (Object.hasOwn(schema, "const") || Object.hasOwn(schema, "enum")) {
    return readOptions(schema, type, path);
  }
  switch (type) {
    case "object":
      return readObject(schema, path, depth, budget);
    case "array":
      return readArray(schema, path, depth, budget);
    case "string":
      return readString(schema, path);
    case "boolean":
      return { kind: "options", values: [true, false] };
    case "null":
      return { kind: "options", values: [null] };
    case null:
      throw refuse(path, "must have a type, an enum or a const");
    default:
      return { kind: "number", range: readRange(schema, type === "integer", path) };
  }
}

/** The type, with every keyword known to belong to it; null where none is given. */
function readType(schema: Schema, path: string): string | null {
  const { type } = schema;
  const isKnown = type === undefined || (typeof type === "string" && Object.hasOwn(KEYWORDS, type));
  if (!isKnown) throw refuse(`${path}.type`, "must be the name of one type");
  const known = typeof type === "string" ? (KEYWORDS[type] ?? []) : [];
  const understood = ["type", "const", "enum", ...ANNOTATIONS, ...known];
  const unknown = Object.keys(schema).find((keyword) => !understood.includes(keyword));
  if (unknown !== undefined) throw refuse(`${path}.${unknown}`, "is not supported here");
  return typeof type === "string" ? type : null;
}

function readObject(
  schema: Schema,
  path: string,
  depth: number,
  budget: { values: number },
): JsonShape {
  const { properties = {}, required = [], additionalProperties = true } = schema;
  if (!isSchema(properties)) throw refuse(`${path}.properties`, "must be an object");
  if (typeof additionalProperties !== "boolean") {
    throw refuse(`${path}.additionalProperties`, "must be true or false");
  }
  if (!isStringList(required)) throw refuse(`${path}.required`, "must be a list of names");
  if (!required.every((name) => Object.hasOwn(properties, name))) {
    const complaint = "names a property that has no schema";
    if (additionalProperties) throw refuse(`${path}.required`, complaint);
    throw unsatisfiable(`${path}.required`, complaint);
  }
  return {
    kind: "object",
    properties: Object.entries(properties).map(
      ([name, property]) =>
        [name, readShape(property, `${path}.properties.${name}`, depth + 1, budget)] as const,
    ),
  };
}

function readArray(
  schema: Schema,
  path: string,
  depth: number,
  budget: { values: number },
): JsonShape {
  const minItems = readCount(schema, "minItems", path) ?? 0;
  const maxItems = readCount(schema, "maxItems", path);
  if (maxItems !== null && minItems > maxItems) {
    throw unsatisfiable(`${path}.minItems`, "is above maxItems");
  }
  if (maxItems === null && minItems === 0) throw refuse(path, "must have maxItems or minItems");
  const count = maxItems ?? minItems;
  if (count > MAX_VALUES) throw refuse(`${path}.maxItems`, `is above ${MAX_VALUES}`);
  const items = Array.from({ length: count }, () =>
    readShape(schema["items"], `${path}.items`, depth + 1, budget),
  );
  return { kind: "array", items };
}

function readString(schema: Schema, path: string): JsonShape {
  const { minLength, maxLength } = readStringLimits(schema, path);
  const capped = maxLength === null ? null : Math.min(maxLength, MAX_STRING_LENGTH);
  return { kind: "string", minLength, maxLength: capped };
}

function readOptions(schema: Schema, type: string | null, path: string): JsonShape {
  const listed = Object.hasOwn(schema, "enum") ? schema["enum"] : [schema["const"]];
  if (!Array.isArray(listed)) throw refuse(`${path}.enum`, "must be a list");
  const keyword = Object.hasOwn(schema, "enum") ? "enum" : "const";
  const values = listed.filter(isScalar);
  if (values.length < listed.length) throw refuse(`${path}.${keyword}`, "must hold scalars only");
  const isConst = (value: JsonScalar) =>
    !Object.hasOwn(schema, "const") || value === schema["const"];
  const fitting = [...new Set(values)].filter(
    (value) => isConst(value) && meets(value, schema, type, path),
  );
  if (fitting.length === 0) throw unsatisfiable(`${path}.${keyword}`, "leaves no value");
  return { kind: "options", values: fitting };
}

/** Tells whether a listed value meets the keywords beside the list. */
function meets(value: JsonScalar, schema: Schema, type: string | null, path: string): boolean {
  switch (type) {
    case null:
      return true;
    case "string": {
      const { minLength, maxLength } = readStringLimits(schema, path);
      if (typeof value !== "string") return false;
      const length = [...value].length;
      return length >= minLength && length <= (maxLength ?? length);
    }
    case "integer":
    case "number": {
      const { low, high } = readRange(schema, type === "integer", path);
      if (typeof value !== "number" || (type === "integer" && !Number.isInteger(value))) {
        return false;
      }
      return isAbove(value, low) && isBelow(value, high);
    }
    case "null":
      return value === null;
    default:
      return typeof value === type;
  }
}

function isSchema(value: unknown): value is Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isStringList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === "string");
}

function isScalar(value: unknown): value is JsonScalar {
  return value === null || ["string", "number", "boolean"].includes(typeof value);
}
