/** The tensors of LLaDA's network: names, shapes, and the check that a checkpoint has just these. */

import { ApiError } from "#shared/contracts/errors.ts";
import type { CheckpointConfig } from "./checkpoint-config.ts";
import type { TensorLocation } from "./tensor-table.ts";

/** Name of the embedding, `[embedding_size, d_model]`. */
export const EMBEDDING_TENSOR = "model.transformer.wte.weight";
/** Name of the final norm, `[d_model]`. */
export const FINAL_NORM_TENSOR = "model.transformer.ln_f.weight";
/** Name of the output head, `[embedding_size, d_model]`; absent where weights are tied. */
export const HEAD_TENSOR = "model.transformer.ff_out.weight";

/** A layer's tensors under the names of the published checkpoint. */
export type LayerTensor =
  | "attn_norm"
  | "q_proj"
  | "k_proj"
  | "v_proj"
  | "attn_out"
  | "ff_norm"
  | "ff_proj"
  | "up_proj"
  | "ff_out";

/** Full name of a layer's tensor. */
export function layerTensorName(layerIndex: number, tensor: LayerTensor): string {
  return `model.transformer.blocks.${layerIndex}.${tensor}.weight`;
}

/** Lists every tensor that the network of `config` needs, with its shape; weights are `[out, in]`. */
export function listNetworkTensors(
  config: CheckpointConfig,
): ReadonlyMap<string, readonly number[]> {
  const { modelSize, mlpHiddenSize, embeddingSize } = config;
  const kvSize = config.kvHeadCount * config.headSize;
  const layer: Readonly<Record<LayerTensor, readonly number[]>> = {
    attn_norm: [modelSize],
    q_proj: [modelSize, modelSize],
    k_proj: [kvSize, modelSize],
    v_proj: [kvSize, modelSize],
    attn_out: [modelSize, modelSize],
    ff_norm: [modelSize],
    ff_proj: [mlpHiddenSize, modelSize],
    up_proj: [mlpHiddenSize, modelSize],
    ff_out: [modelSize, mlpHiddenSize],
  };
  const shapes = new Map<string, readonly number[]>();
  shapes.set(EMBEDDING_TENSOR, [embeddingSize, modelSize]);
  for (let layerIndex = 0; layerIndex < config.layerCount; layerIndex += 1) {
    for (const [tensor, shape] of Object.entries(layer)) {
      shapes.set(layerTensorName(layerIndex, tensor as LayerTensor), shape);
    }
  }
  shapes.set(FINAL_NORM_TENSOR, [modelSize]);
  if (!config.hasTiedWeights) {
    shapes.set(HEAD_TENSOR, [embeddingSize, modelSize]);
  }
  return shapes;
}

/**
 * Looks a tensor up.
 *
 * @throws {ApiError} `tensor_missing`; `param` is the name.
 */
export function findTensor(
  tensors: ReadonlyMap<string, TensorLocation>,
  name: string,
): TensorLocation {
  const tensor = tensors.get(name);
  if (tensor === undefined) {
    throw new ApiError("tensor_missing", `The checkpoint lacks ${name}.`, { param: name });
  }
  return tensor;
}

/**
 * Checks that a checkpoint has the tensors of its network and no others.
 *
 * @throws {ApiError} `tensor_missing`, `tensor_not_supported` (the graph would ignore it) or
 *   `checkpoint_corrupt` (another shape); `param` is the tensor's name.
 */
export function checkNetworkTensors(
  config: CheckpointConfig,
  tensors: ReadonlyMap<string, TensorLocation>,
): void {
  const shapes = listNetworkTensors(config);
  for (const name of tensors.keys()) {
    if (!shapes.has(name)) {
      throw new ApiError("tensor_not_supported", `The network has no place for ${name}.`, {
        param: name,
      });
    }
  }
  for (const [name, shape] of shapes) {
    const tensor = findTensor(tensors, name);
    if (tensor.shape.join() !== shape.join()) {
      throw new ApiError(
        "checkpoint_corrupt",
        `${name} has shape [${tensor.shape.join(", ")}]; the config asks [${shape.join(", ")}].`,
        { param: name },
      );
    }
  }
}
