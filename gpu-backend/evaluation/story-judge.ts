import { type EvaluatedModel, encodeChat } from "./evaluation-model.ts";
import { mean } from "./mean.ts";
import type { Outcome } from "./run-requests.ts";
import { logLikelihoods } from "./twin.ts";

/** What can be said of stories that have no right answer. */
export interface JudgedStories {
  /**
   * Of the stories' tokens under the twin, each story after the same plain request; null without a twin.
   * Low is no praise by itself: what repeats itself is easily foretold.
   */
  readonly perplexity: number | null;
  /** Distinct pairs of neighbouring tokens over all pairs, within each story, mean; in [0, 1]. */
  readonly distinctPairs: number;
}

/** What every story is judged after, whatever was asked. */
const REQUEST = "Tell me a story.";

/** Judges stories by the fixed judge and by how little they repeat. */
export async function judgeStories(
  model: EvaluatedModel,
  twin: EvaluatedModel | null,
  outcomes: readonly Outcome[],
): Promise<JudgedStories> {
  const stories = outcomes
    .map(({ text }) => model.tokenizer.encodeUserText(text))
    .filter((ids) => ids.length > 1);
  const distinctPairs = stories.length === 0 ? 0 : mean(stories.map(shareOfDistinctPairs));
  if (twin === null || stories.length === 0) return { perplexity: null, distinctPairs };
  const promptTokenIds = encodeChat(twin, REQUEST);
  const texts = stories.map((answerTokenIds) => ({ promptTokenIds, answerTokenIds }));
  const surprise = -mean(await logLikelihoods(twin.predictor, texts)) * stories.length;
  const tokens = stories.reduce((sum, ids) => sum + ids.length, 0);
  return { perplexity: Math.exp(surprise / tokens), distinctPairs };
}

function shareOfDistinctPairs(ids: readonly number[]): number {
  const pairs = ids.slice(1).map((id, i) => `${ids[i]} ${id}`);
  return new Set(pairs).size / pairs.length;
}
