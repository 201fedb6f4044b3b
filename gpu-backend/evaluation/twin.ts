/**
 * The autoregressive twin: its greedy answers and its exact likelihoods.
 *
 * Owns: feeding a causal network left to right, without a cache.
 * Does not own: the network, which is the same graph with a causal mask (model/graph.ts).
 */

import { ApiError } from "#shared/contracts/errors.ts";
import { takeLogits } from "../canvas/candidate-choices.ts";
import type { PredictorRow } from "../canvas/canvas-batch.ts";
import { predictRows } from "../commands/denoise-rows.ts";
import { crossEntropy } from "../likelihood/cross-entropy.ts";
import type { MaskPredictor } from "../model-runner/mask-predictor.ts";

/** A prompt and how many tokens may follow. */
export interface GreedyOrder {
  readonly promptTokenIds: readonly number[];
  readonly maxTokens: number;
}

/** A text whose first part is given. */
export interface ScoredText {
  /** At least one token: nothing foretells the first. */
  readonly promptTokenIds: readonly number[];
  readonly answerTokenIds: readonly number[];
}

/** Rows whose logits are in memory at once. */
const ROWS_AT_ONCE = 32;

/**
 * Continues every prompt with the likeliest token, of equal ones the lowest id.
 *
 * @param endTokenIds A row ends with one of these, which is not part of its answer.
 * @param onDone Called with the number of finished rows.
 * @returns The answers' ids, in order.
 */
export async function continueGreedily(
  predictor: MaskPredictor,
  orders: readonly GreedyOrder[],
  endTokenIds: ReadonlySet<number>,
  onDone: (count: number) => void = () => undefined,
): Promise<number[][]> {
  const answers: number[][] = orders.map(() => []);
  for (let start = 0; start < orders.length; start += ROWS_AT_ONCE) {
    let running = [...orders.keys()].slice(start, start + ROWS_AT_ONCE);
    while (running.length > 0) {
      const rows = running.map((index) =>
        toRow([...(orders[index]?.promptTokenIds ?? []), ...(answers[index] ?? [])]),
      );
      const logits = takeLogits(await predictRows(rows, predictor));
      running = running.filter((index, place) => {
        const id = argmax(logits[place] ?? new Float32Array(0));
        if (endTokenIds.has(id)) return false;
        answers[index]?.push(id);
        return (answers[index]?.length ?? 0) < (orders[index]?.maxTokens ?? 0);
      });
    }
    onDone(Math.min(orders.length, start + ROWS_AT_ONCE));
  }
  return answers;
}

/**
 * The log-probability of every answer given its prompt, nats; exact.
 *
 * @throws {ApiError} `empty_prompt`, or `session_failed` where the network is broken.
 */
export async function logLikelihoods(
  predictor: MaskPredictor,
  texts: readonly ScoredText[],
): Promise<number[]> {
  const results: number[] = [];
  for (let start = 0; start < texts.length; start += ROWS_AT_ONCE) {
    const some = texts.slice(start, start + ROWS_AT_ONCE);
    const rows = some.map(({ promptTokenIds, answerTokenIds }) => {
      if (promptTokenIds.length === 0) {
        throw new ApiError("empty_prompt", "Nothing foretells the first token.");
      }
      const tokenIds = [...promptTokenIds, ...answerTokenIds];
      return {
        ...toRow(tokenIds),
        candidateColumns: Int32Array.from(answerTokenIds, (_, i) => promptTokenIds.length - 1 + i),
      };
    });
    const logits = takeLogits(await predictRows(rows, predictor));
    for (const [index, { answerTokenIds }] of some.entries()) {
      const own = logits[index] ?? new Float32Array(0);
      const width = predictor.logitCount;
      const surprises = answerTokenIds.map((id, i) =>
        crossEntropy(own, i * width, (i + 1) * width, id),
      );
      results.push(-surprises.reduce((sum, value) => sum + value, 0));
    }
  }
  return results;
}

/** A row that answers what follows its last token. */
function toRow(tokenIds: readonly number[]): PredictorRow {
  return {
    tokenIds: Int32Array.from(tokenIds),
    attended: null,
    candidateColumns: Int32Array.of(tokenIds.length - 1),
  };
}

function argmax(logits: Float32Array): number {
  let best = 0;
  for (let id = 1; id < logits.length; id += 1) {
    if ((logits[id] ?? 0) > (logits[best] ?? 0)) best = id;
  }
  return best;
}
