import { ApiError } from "#shared/contracts/errors.ts";
import {
  fillTemplate,
  type InfillAnswer,
  type InfillRequest,
  toInfillInput,
  toInfillParameters,
} from "#shared/contracts/infill.ts";
import { toTier } from "#shared/contracts/public-api.ts";
import type { BodyContext } from "../environment.ts";
import { readToEnd } from "../streaming/read-to-end.ts";
import { startGeneration } from "./start-generation.ts";

/**
 * `POST /v1/infill`. Walk: step 4.
 *
 * @throws {ApiError} the node's own code, or `node_failed`.
 */
export async function createInfill(context: BodyContext<InfillRequest>): Promise<Response> {
  const { body } = context.var;
  const generation = await startGeneration(context, {
    model: body.model,
    tier: toTier(body),
    input: toInfillInput(body),
    parameters: toInfillParameters(body),
    body,
  });
  try {
    const { holes, usage } = await readToEnd(generation.events);
    if (holes === undefined) throw new ApiError("node_failed", "The node filled no hole.");
    const texts = holes.map(({ text }) => text);
    const answer: InfillAnswer = {
      id: generation.id,
      object: "infill",
      created: Math.floor(generation.createdAt / 1000),
      model: generation.model.id,
      text: fillTemplate(body, texts),
      holes: [...holes],
      usage,
    };
    return context.json(answer);
  } finally {
    generation.finish();
  }
}
