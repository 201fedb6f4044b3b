/**
 * What a sampler at temperature 0 asks of each candidate's logits, computed inside the graph so that the
 * logits stay there.
 *
 * Owns: the likeliest ids, the logits of ids that a caller names, and the sum of all others.
 * Does not own: which of the likeliest may be written, and how sure that is (sampler/choice-scan.ts).
 */

import type { GraphBuilder, Value } from "./graph-builder.ts";

/** Ids that are ranked for each candidate: two may be forbidden, end-of-text and the mask. */
const MAX_RANKED_IDS = 3;

/** Inputs and outputs, by role. */
export const CHOICE_NAMES = {
  /** int32 `[choices]`: which candidates are answered so. */
  choiceRows: "choice_rows",
  /** int32 `[named]`, distinct, at least one. */
  namedTokenIds: "named_token_ids",
  /** float32 `[choices, ranked]`: whole numbers; the largest logit first, of equal ones the lowest id. */
  rankedIds: "ranked_ids",
  /** float32 `[choices, ranked]`. */
  rankedLogits: "ranked_logits",
  /** float32 `[choices, named]`. */
  namedLogits: "named_logits",
  /** float32 `[choices, 1]`: the largest logit of an id that is not named. */
  restLargest: "rest_largest",
  /** float32 `[choices, 1]`: its share in the softmax over the ids that are not named. */
  restShare: "rest_share",
} as const;

/**
 * Adds the outputs that stand for logits.
 *
 * @param logits `[candidates, logitCount]`.
 * @param scores Scalars to add to a logit: one that leaves it, one that takes it out of a softmax.
 */
export function addChoiceOutputs(
  builder: GraphBuilder,
  logits: Value,
  logitCount: number,
  scores: { readonly included: Value; readonly excluded: Value },
): void {
  const rows = builder.input(CHOICE_NAMES.choiceRows, "int32", ["choices"]);
  const named = builder.input(CHOICE_NAMES.namedTokenIds, "int32", ["named"]);
  const own = builder.node("Gather", [logits, rows], { axis: 0 });
  const output = (name: string, value: Value, columns: number | string) =>
    builder.output(name, value, "float32", ["choices", columns]);

  const rankedCount = Math.min(MAX_RANKED_IDS, logitCount);
  const count = builder.integers("ranked_count", [rankedCount]);
  const [rankedLogits, rankedIds] = builder.pair("TopK", [own, count], { axis: 1 });
  output(CHOICE_NAMES.rankedLogits, rankedLogits, rankedCount);
  output(CHOICE_NAMES.rankedIds, builder.asFloat32(rankedIds), rankedCount);
  output(CHOICE_NAMES.namedLogits, builder.node("Gather", [own, named], { axis: 1 }), "named");

  const vocabulary = builder.integers("vocabulary", [logitCount]);
  const unnamed = builder.node("Expand", [scores.included, vocabulary]);
  const taken = builder.node("Expand", [scores.excluded, builder.node("Shape", [named])]);
  const scoreOfId = builder.node("ScatterElements", [unnamed, named, taken], { axis: 0 });
  const rest = builder.node("Add", [own, scoreOfId]);
  const axes = builder.integers("vocabulary_axis", [1]);
  const largest = (value: Value) => builder.node("ReduceMax", [value, axes], { keepdims: 1 });
  output(CHOICE_NAMES.restLargest, largest(rest), 1);
  output(CHOICE_NAMES.restShare, largest(builder.node("Softmax", [rest], { axis: 1 })), 1);
}
