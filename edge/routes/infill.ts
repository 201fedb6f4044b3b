import { ApiError } from "#shared/contracts/errors.ts";
import {
  type InfillAnswer,
  type InfillRequest,
  toInfillInput,
  toInfillParameters,
} from "#shared/contracts/infill.ts";
import { toTier } from "#shared/contracts/public-api.ts";
import { fillTemplate, joinHoles } from "#shared/contracts/template.ts";
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
    toParameters: (tier) => toInfillParameters(body, tier),
    maxPrice: body.max_price,
    body,
  });
  try {
    const { holes: filled, usage } = await readToEnd(generation.events);
    const holes = joinHoles(body.template, filled ?? []);
    if (holes === null) throw new ApiError("node_failed", "The node did not fill every hole.");
    const answer: InfillAnswer = {
      id: generation.id,
      object: "infill",
      created: Math.floor(generation.createdAt / 1000),
      model: generation.model.id,
      text: fillTemplate(body.template, holes),
      holes,
      usage,
    };
    return context.json(answer);
  } finally {
    generation.finish();
  }
}
