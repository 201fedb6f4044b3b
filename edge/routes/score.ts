import { ApiError } from "#shared/contracts/errors.ts";
import {
  type ScoreAnswer,
  type ScoreRequest,
  toScoreInput,
  toScoreParameters,
} from "#shared/contracts/score.ts";
import { EXACT_STEPS_TIER } from "#shared/contracts/tiers.ts";
import type { BodyContext } from "../environment.ts";
import { readToEnd } from "../streaming/read-to-end.ts";
import { startGeneration } from "./start-generation.ts";

/**
 * `POST /v1/score`. Walk: step 4.
 *
 * @throws {ApiError} the node's own code, or `node_failed`.
 */
export async function createScore(context: BodyContext<ScoreRequest>): Promise<Response> {
  const { body } = context.var;
  const generation = await startGeneration(context, {
    model: body.model,
    tier: EXACT_STEPS_TIER,
    input: toScoreInput(body),
    toParameters: () => toScoreParameters(body),
    maxPrice: body.max_price,
    body,
  });
  try {
    const { scores, usage } = await readToEnd(generation.events);
    if (scores?.length !== body.answers.length) {
      throw new ApiError("node_failed", "The node did not score every answer.");
    }
    const values = scores.map((score) => score.log_likelihood);
    const answer: ScoreAnswer = {
      id: generation.id,
      object: "score",
      created: Math.floor(generation.createdAt / 1000),
      model: generation.model.id,
      answers: [...scores],
      best: values.indexOf(Math.max(...values)),
      usage,
    };
    return context.json(answer);
  } finally {
    generation.finish();
  }
}
