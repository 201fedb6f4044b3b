/** What can be asked for. */
import type { NodeModel } from "#shared/contracts/node-wire.ts";
import type { Model, ModelList } from "#shared/contracts/openai-answers.ts";
import type { AppContext } from "../environment.ts";
import { poolOf } from "./pool-of.ts";

/** `GET /v1/models`. */
export async function listModels(context: AppContext): Promise<Response> {
  const models = await context.var.platform.nodes.listModels(poolOf(context));
  const list: ModelList = { object: "list", data: models.map(toModel) };
  return context.json(list);
}

/**
 * `GET /v1/models/{id}`.
 *
 * @throws {ApiError} `model_not_found`.
 */
export async function retrieveModel(context: AppContext): Promise<Response> {
  const { nodes } = context.var.platform;
  const id = context.req.param("id") ?? "";
  return context.json(toModel(await nodes.findModel(poolOf(context), id)));
}

function toModel({ id, created, max_length, parameter_count }: NodeModel): Model {
  return {
    id,
    object: "model",
    created,
    owned_by: "unmask",
    context_length: max_length,
    parameter_count,
  };
}
