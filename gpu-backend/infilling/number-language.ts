/**
 * JSON numbers within bounds, as an automaton over their characters.
 *
 * Owns: comparing a number that is being written with its bounds, digit by digit.
 * Does not own: which bounds a schema may have (json-schema.ts).
 */

import { buildLanguage, type TokenLanguage, type TokenTexts } from "./token-language.ts";

/** One end of a range. */
export interface NumberBound {
  readonly value: number;
  /** True where the value itself lies outside. */
  readonly isExclusive: boolean;
}

/** Which numbers are meant; null is no bound. */
export interface NumberRange {
  readonly isInteger: boolean;
  readonly low: NumberBound | null;
  readonly high: NumberBound | null;
}

/**
 * Most digits before the point of an integer and of a number, and after it. Fifteen digits altogether
 * survive the way through a float64, so comparing digits is comparing numbers.
 */
const MAX_INTEGER_DIGITS = 15;
const MAX_WHOLE_DIGITS = 9;
const MAX_FRACTION_DIGITS = 6;

/** Digits of a magnitude, no leading or trailing zeros; `whole` is empty below 1. */
interface Decimal {
  readonly whole: string;
  readonly fraction: string;
}

/** A bound on the magnitude of numbers of one sign. */
interface MagnitudeBound extends Decimal {
  readonly isExclusive: boolean;
}

/** What the numbers of one sign must keep to; null where the range has none of the sign. */
interface SignRange {
  readonly low: MagnitudeBound | null;
  readonly high: MagnitudeBound | null;
}

/** −1, 0 or 1: the digits so far against as many digits of the bound. */
type Relation = -1 | 0 | 1;

/**
 * A number that is being written.
 *
 * `phase` is what was written last; `digits` counts the digits of the part that is being written.
 */
interface NumberState {
  readonly sign: "+" | "-";
  readonly phase: "start" | "minus" | "zero" | "whole" | "point" | "fraction";
  readonly digits: number;
  readonly isZero: boolean;
  readonly low: Relation;
  readonly high: Relation;
}

const START: NumberState = {
  sign: "+",
  phase: "start",
  digits: 0,
  isZero: true,
  low: 0,
  high: 0,
};

/**
 * The numbers of a range in JSON's spelling, without exponent and without minus zero: integers of up
 * to 15 digits, other numbers of up to 9 digits before the point and 6 after it.
 *
 * May be empty although the range is not: its numbers are then larger or finer than these.
 */
export function createNumberLanguage(texts: TokenTexts, range: NumberRange): TokenLanguage {
  const writer = createWriter(range);
  return buildLanguage(
    texts,
    {
      start: writeState(START),
      next(state, text) {
        let current: NumberState | null = readState(state);
        for (const character of text) current = current && writer.append(current, character);
        return current && writeState(current);
      },
      isAccepting: (state) => writer.isComplete(readState(state)),
    },
    (text) => (/^-?[\d.]+$|^-$/.test(text) ? text : null),
  );
}

function createWriter({ isInteger, low, high }: NumberRange): {
  append(state: NumberState, character: string): NumberState | null;
  isComplete(state: NumberState): boolean;
} {
  const ranges = { "+": positiveRange(low, high), "-": positiveRange(negate(high), negate(low)) };
  const maxWholeDigits = isInteger ? MAX_INTEGER_DIGITS : MAX_WHOLE_DIGITS;

  function appendWhole(state: NumberState, digit: string): NumberState | null {
    if (state.phase === "zero" || state.digits === maxWholeDigits) return null;
    const bounds = ranges[state.sign];
    if (digit === "0" && state.digits === 0) return { ...state, phase: "zero" };
    return {
      ...state,
      phase: "whole",
      digits: state.digits + 1,
      isZero: false,
      low: state.low || compare(digit, bounds?.low?.whole[state.digits]),
      high: state.high || compare(digit, bounds?.high?.whole[state.digits]),
    };
  }

  function appendPoint(state: NumberState): NumberState | null {
    if (isInteger || !(state.phase === "zero" || state.phase === "whole")) return null;
    const bounds = ranges[state.sign];
    return {
      ...state,
      phase: "point",
      digits: 0,
      low: compareWhole(state, state.low, bounds?.low ?? null),
      high: compareWhole(state, state.high, bounds?.high ?? null),
    };
  }

  function appendFraction(state: NumberState, digit: string): NumberState | null {
    if (state.digits === MAX_FRACTION_DIGITS) return null;
    const bounds = ranges[state.sign];
    return {
      ...state,
      phase: "fraction",
      digits: state.digits + 1,
      isZero: state.isZero && digit === "0",
      low: state.low || compare(digit, bounds?.low?.fraction[state.digits] ?? "0"),
      high: state.high || compare(digit, bounds?.high?.fraction[state.digits] ?? "0"),
    };
  }

  return {
    append(state, character) {
      if (character === "-") {
        return state.phase === "start" ? { ...state, sign: "-", phase: "minus" } : null;
      }
      if (character === ".") return appendPoint(state);
      const isBehindPoint = state.phase === "point" || state.phase === "fraction";
      return isBehindPoint ? appendFraction(state, character) : appendWhole(state, character);
    },
    isComplete(state) {
      const bounds = ranges[state.sign];
      const isWritten = ["zero", "whole", "fraction"].includes(state.phase);
      if (!isWritten || bounds === null || (state.sign === "-" && state.isZero)) return false;
      const isAbove = bounds.low === null || finalRelation(state, state.low, bounds.low) >= 0;
      const isBelow = bounds.high === null || finalRelation(state, state.high, bounds.high) <= 0;
      return isAbove && isBelow && !touches(state, bounds);
    },
  };
}

/** Tells whether a written number is a bound that is itself excluded. */
function touches(state: NumberState, { low, high }: SignRange): boolean {
  return (
    (low?.isExclusive === true && finalRelation(state, state.low, low) === 0) ||
    (high?.isExclusive === true && finalRelation(state, state.high, high) === 0)
  );
}

/** The number as it stands against a bound. */
function finalRelation(state: NumberState, relation: Relation, bound: Decimal): Relation {
  const isBehindPoint = state.phase === "fraction";
  const known = isBehindPoint ? relation : compareWhole(state, relation, bound);
  const written = isBehindPoint ? state.digits : 0;
  return known || (bound.fraction.length > written ? -1 : 0);
}

/** The part before the point against a bound's: the longer one is larger. */
function compareWhole(state: NumberState, relation: Relation, bound: Decimal | null): Relation {
  const length = bound?.whole.length ?? 0;
  return compareNumbers(state.digits, length) || relation;
}

/** A digit against the bound's at the same place; equal where the bound has none there. */
function compare(digit: string, other: string | undefined): Relation {
  return other === undefined ? 0 : compareNumbers(Number(digit), Number(other));
}

function compareNumbers(a: number, b: number): Relation {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** The part of a range from zero up. */
function positiveRange(low: NumberBound | null, high: NumberBound | null): SignRange | null {
  if (high !== null && high.value < 0) return null;
  return {
    low: low === null || low.value < 0 ? null : toMagnitude(low),
    high: high === null ? null : toMagnitude(high),
  };
}

function negate(bound: NumberBound | null): NumberBound | null {
  return bound && { value: -bound.value, isExclusive: bound.isExclusive };
}

function toMagnitude({ value, isExclusive }: NumberBound): MagnitudeBound {
  return { ...toDecimal(value), isExclusive };
}

/** The shortest decimal that reads back as `value`, which is at least 0. */
function toDecimal(value: number): Decimal {
  const [mantissa = "0", exponent = "0"] = value.toExponential().split("e");
  const digits = mantissa.replace(".", "");
  const point = Number(exponent) + 1;
  const padded = "0".repeat(Math.max(0, -point)) + digits.padEnd(Math.max(0, point), "0");
  return {
    whole: padded.slice(0, Math.max(0, point)).replace(/^0+/, ""),
    fraction: padded.slice(Math.max(0, point)).replace(/0+$/, ""),
  };
}

function writeState({ sign, phase, digits, isZero, low, high }: NumberState): string {
  return [sign, phase, digits, isZero ? 1 : 0, low, high].join(" ");
}

function readState(name: string): NumberState {
  const [sign, phase, digits, isZero, low, high] = name.split(" ");
  return {
    sign: sign as NumberState["sign"],
    phase: phase as NumberState["phase"],
    digits: Number(digits),
    isZero: isZero === "1",
    low: Number(low) as Relation,
    high: Number(high) as Relation,
  };
}
