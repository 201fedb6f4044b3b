/** What can be asked for. */
import { ApiError } from "#shared/contracts/errors.ts";
import type { NodeModel } from "#shared/contracts/node-wire.ts";
import type { Model, ModelList } from "#shared/contracts/openai-answers.ts";
import type { AppContext } from "../environment.ts";
import { readNodeUrls } from "./node-urls.ts";

/** `GET /v1/models`. */
export async function listModels(context: AppContext): Promise<Response> {
  const models = await context.var.platform.nodes.listModels(readNodeUrls(context.env));
  const list: ModelList = { object: "list", data: models.map(toModel) };
  return context.json(list);
}

/**
 * `GET /v1/models/{id}`.
 *
 * @throws {ApiError} `model_not_found`.
 */
export async function retrieveModel(context: AppContext): Promise<Response> {
  const id = context.req.param("id");
  const models = await context.var.platform.nodes.listModels(readNodeUrls(context.env));
  const model = models.find((one) => one.id === id);
  if (model !== undefined) return context.json(toModel(model));
  throw new ApiError("model_not_found", "No node serves this model; see GET /v1/models.", {
    param: "model",
  });
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
