/**
 * Limits of a schema on lengths and numbers.
 */

import { refuse, type Schema, unsatisfiable } from "./json-schema-error.ts";
import type { NumberBound, NumberRange } from "./number-language.ts";

/** Longest string that is asked for or offered, characters. */
export const MAX_STRING_LENGTH = 1_024;

export const STRING_KEYWORDS = ["minLength", "maxLength"];
export const NUMBER_KEYWORDS = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"];

/** Fewest and most characters; null for any number. */
export function readStringLimits(
  schema: Schema,
  path: string,
): { readonly minLength: number; readonly maxLength: number | null } {
  const minLength = readCount(schema, "minLength", path) ?? 0;
  const maxLength = readCount(schema, "maxLength", path);
  if (maxLength !== null && minLength > maxLength) {
    throw unsatisfiable(`${path}.minLength`, "is above maxLength");
  }
  if (minLength > MAX_STRING_LENGTH) {
    throw refuse(`${path}.minLength`, `is above ${MAX_STRING_LENGTH}`);
  }
  return { minLength, maxLength };
}

/** The numbers that a schema means. */
export function readRange(schema: Schema, isInteger: boolean, path: string): NumberRange {
  const low = tighter(
    readBound(schema, "minimum", false, path),
    readBound(schema, "exclusiveMinimum", true, path),
    (a, b) => a > b,
  );
  const high = tighter(
    readBound(schema, "maximum", false, path),
    readBound(schema, "exclusiveMaximum", true, path),
    (a, b) => a < b,
  );
  if (low !== null && high !== null && isEmpty(low, high, isInteger)) {
    throw unsatisfiable(`${path}.${low.keyword}`, `leaves no number below ${high.keyword}`);
  }
  return { isInteger, low, high };
}

interface NamedBound extends NumberBound {
  readonly keyword: string;
}

function readBound(
  schema: Schema,
  keyword: string,
  isExclusive: boolean,
  path: string,
): NamedBound | null {
  const value = schema[keyword];
  if (value === undefined) return null;
  if (typeof value !== "number") throw refuse(`${path}.${keyword}`, "must be a number");
  return { value, isExclusive, keyword };
}

/** The bound that leaves less; of equal ones the exclusive one. */
function tighter(
  inclusive: NamedBound | null,
  exclusive: NamedBound | null,
  isTighter: (a: number, b: number) => boolean,
): NamedBound | null {
  if (inclusive === null || exclusive === null) return inclusive ?? exclusive;
  return isTighter(inclusive.value, exclusive.value) ? inclusive : exclusive;
}

function isEmpty(low: NumberBound, high: NumberBound, isInteger: boolean): boolean {
  if (!isInteger) {
    return (
      low.value > high.value || (low.value === high.value && (low.isExclusive || high.isExclusive))
    );
  }
  const least = low.isExclusive ? Math.floor(low.value) + 1 : Math.ceil(low.value);
  const most = high.isExclusive ? Math.ceil(high.value) - 1 : Math.floor(high.value);
  return least > most;
}

/** Tells whether a number keeps to a lower bound. */
export function isAbove(value: number, low: NumberBound | null): boolean {
  return low === null || value > low.value || (value === low.value && !low.isExclusive);
}

/** Tells whether a number keeps to an upper bound. */
export function isBelow(value: number, high: NumberBound | null): boolean {
  return high === null || value < high.value || (value === high.value && !high.isExclusive);
}

/** A keyword that counts; null where it is not given. */
export function readCount(schema: Schema, keyword: string, path: string): number | null {
  const value = schema[keyword];
  if (value === undefined) return null;
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
    throw refuse(`${path}.${keyword}`, "must be a whole number of at least 0");
  }
  return value;
}
