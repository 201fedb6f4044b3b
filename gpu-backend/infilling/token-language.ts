/**
 * What a hole may hold: token sequences that an automaton accepts.
 *
 * Owns: the automaton's shape, and which tokens some columns may take beside what others hold.
 * Does not own: any particular language (string-language.ts, number-language.ts, option-language.ts,
 * text-language.ts), where holes lie on a canvas (hole-constraint.ts).
 */

/** A finite automaton over classes of tokens; state 0 is the start. Immutable. */
export interface TokenLanguage {
  readonly stateCount: number;
  readonly classCount: number;
  /** `[logitCount]`: the class of each id; {@link NO_CLASS} where the language never has it. */
  readonly classOf: Int16Array;
  /** `[stateCount, classCount]` row-major: the next state, or {@link NO_STATE}. */
  readonly transitions: Int32Array;
  /** `[stateCount]`: 1 where a sequence may end. */
  readonly accepting: Uint8Array;
}

/** The class of an id that no sequence of the language has. */
export const NO_CLASS = -1;
/** Where a transition that no sequence takes leads. */
export const NO_STATE = -1;

/** Text of each id, null for special tokens and for ids that are no token. */
export type TokenTexts = readonly (string | null)[];

/** How an automaton is told: states by name, found from the start on. */
export interface LanguageRules {
  readonly start: string;
  /** The name of the state after a text, null where the text cannot follow. */
  next(state: string, text: string): string | null;
  isAccepting(state: string): boolean;
}

/**
 * Builds the automaton of `rules` over the tokens that `classify` names.
 *
 * @param classify The representative text of an id's class, null for an id that never occurs. Ids of
 *   one representative are interchangeable.
 */
export function buildLanguage(
  texts: TokenTexts,
  rules: LanguageRules,
  classify: (text: string) => string | null,
): TokenLanguage {
  const classes = new Map<string, number>();
  const classOf = Int16Array.from(texts, (text) => {
    const name = text === null || text === "" ? null : classify(text);
    return name === null ? NO_CLASS : indexOf(classes, name);
  });
  const states = new Map([[rules.start, 0]]);
  const transitions: number[] = [];
  // A Map goes on to the entries that are added while it is walked.
  for (const state of states.keys()) {
    for (const name of classes.keys()) {
      const next = rules.next(state, name);
      transitions.push(next === null ? NO_STATE : indexOf(states, next));
    }
  }
  return {
    stateCount: states.size,
    classCount: classes.size,
    classOf,
    transitions: Int32Array.from(transitions),
    accepting: Uint8Array.from(states.keys(), (state) => (rules.isAccepting(state) ? 1 : 0)),
  };
}

function indexOf(indexes: Map<string, number>, name: string): number {
  const index = indexes.get(name) ?? indexes.size;
  indexes.set(name, index);
  return index;
}

/** The lengths from 1 to `maxLength` at which the language has a sequence, ascending. */
export function possibleLengths(language: TokenLanguage, maxLength: number): number[] {
  const lengths: number[] = [];
  let states: Uint8Array = startStates(language);
  for (let length = 1; length <= maxLength; length += 1) {
    states = stepForward(language, states, null);
    if (states.some((reached, state) => reached === 1 && language.accepting[state] === 1)) {
      lengths.push(length);
    }
  }
  return lengths;
}

/**
 * The classes that each column of a hole may take so that the others can still be filled.
 *
 * @param classes `[length]`: the class of each column's token, null where it is masked.
 * @returns `[length]` of `[classCount]`: 1 where the class is allowed. All 0 everywhere if the columns
 *   cannot be filled.
 */
export function allowedClasses(
  language: TokenLanguage,
  classes: readonly (number | null)[],
): Uint8Array[] {
  const before = [startStates(language)];
  for (const known of classes) {
    before.push(stepForward(language, before.at(-1) as Uint8Array, known));
  }
  let after: Uint8Array = language.accepting;
  const allowed: Uint8Array[] = [];
  for (let column = classes.length - 1; column >= 0; column -= 1) {
    const known = classes[column] ?? null;
    const reachable = before[column] as Uint8Array;
    const { classesThrough, states } = stepBackward(language, reachable, after, known);
    allowed.unshift(classesThrough);
    after = states;
  }
  return allowed;
}

function startStates(language: TokenLanguage): Uint8Array {
  const states = new Uint8Array(language.stateCount);
  states[0] = 1;
  return states;
}

/** The states that one token leads to: any token, or one of class `known`. */
function stepForward(
  language: TokenLanguage,
  states: Uint8Array,
  known: number | null,
): Uint8Array<ArrayBuffer> {
  const reached = new Uint8Array(language.stateCount);
  forEachStep(language, states, known, (_state, _class, next) => {
    reached[next] = 1;
  });
  return reached;
}

/** The reachable states and the classes through which one token leads into `after`. */
function stepBackward(
  language: TokenLanguage,
  reachable: Uint8Array,
  after: Uint8Array,
  known: number | null,
): { readonly classesThrough: Uint8Array; readonly states: Uint8Array } {
  const states = new Uint8Array(language.stateCount);
  const classesThrough = new Uint8Array(language.classCount);
  forEachStep(language, reachable, known, (state, tokenClass, next) => {
    if (after[next] === 0) return;
    states[state] = 1;
    classesThrough[tokenClass] = 1;
  });
  return { classesThrough, states };
}

function forEachStep(
  { stateCount, classCount, transitions }: TokenLanguage,
  states: Uint8Array,
  known: number | null,
  visit: (state: number, tokenClass: number, next: number) => void,
): void {
  const first = known ?? 0;
  const end = known === null ? classCount : known + 1;
  for (let state = 0; state < stateCount; state += 1) {
    if (states[state] === 0) continue;
    for (let tokenClass = first; tokenClass < end; tokenClass += 1) {
      const next = transitions[state * classCount + tokenClass] as number;
      if (tokenClass >= 0 && next !== NO_STATE) visit(state, tokenClass, next);
    }
  }
}
