/**
 * What the masked columns of a template may hold: each hole a sequence of its language.
 *
 * A token is allowed where the hole, with that token and with those that are there, can still be
 * filled. One allowed token at a time therefore never leads into a dead end.
 */

import type { CandidateConstraint } from "../sampler/constraint.ts";
import type { PlacedHole } from "./template.ts";
import { allowedClasses, NO_CLASS, type TokenLanguage } from "./token-language.ts";

/** A hole's columns as they were when its answer was computed. */
interface HoleAnswer {
  readonly tokenIds: Int32Array;
  /** `[columns]` of `[classCount]`. */
  readonly classes: readonly Uint8Array[];
}

/**
 * Creates the constraint of a layout's holes; columns outside of them may hold anything.
 *
 * @param holes Disjoint; each can be filled.
 */
export function createHoleConstraint(
  holes: readonly PlacedHole[],
  maskTokenId: number,
): CandidateConstraint {
  const holeOf = new Map<number, PlacedHole>();
  for (const hole of holes) {
    for (let column = hole.start; column < hole.end; column += 1) holeOf.set(column, hole);
  }
  const answers = new Map<PlacedHole, HoleAnswer>();
  const spread = createClassSpread();

  function answerOf(hole: PlacedHole, canvas: Int32Array): HoleAnswer {
    const tokenIds = canvas.subarray(hole.start, hole.end);
    const known = answers.get(hole);
    if (known?.tokenIds.every((id, column) => id === tokenIds[column])) return known;
    const { language } = hole;
    const classes = Array.from(tokenIds, (id) =>
      id === maskTokenId ? null : (language.classOf[id] ?? NO_CLASS),
    );
    const answer = { tokenIds: tokenIds.slice(), classes: allowedClasses(language, classes) };
    answers.set(hole, answer);
    return answer;
  }

  return {
    allowedIds(tokenIds, column) {
      const hole = holeOf.get(column);
      if (hole === undefined) return null;
      const classes = answerOf(hole, tokenIds).classes[column - hole.start];
      return classes === undefined ? null : spread(hole.language, classes);
    },
  };
}

/** The ids of a language's classes; keeps the last answer per language, which the next often equals. */
export function createClassSpread(): (language: TokenLanguage, classes: Uint8Array) => Uint8Array {
  const last = new Map<TokenLanguage, { readonly key: string; readonly ids: Uint8Array }>();
  return (language, classes) => {
    const key = classes.join("");
    const known = last.get(language);
    if (known?.key === key) return known.ids;
    const ids = Uint8Array.from(language.classOf, (tokenClass) => classes[tokenClass] ?? 0);
    last.set(language, { key, ids });
    return ids;
  };
}
