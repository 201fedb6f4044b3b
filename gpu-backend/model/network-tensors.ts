/** The tensors of LLaDA's network: names, shapes, and the check that a checkpoint has just these. */

import { ApiError } from "#shared/contracts/errors.ts";
import type { CheckpointConfig } from "./checkpoint-config.ts";
import { describeQuantizedForm } from "./quantization.ts";
import type { TensorType } from "./safetensors.ts";
import type { TensorLocation } from "./tensor-table.ts";

/** What a tensor of the network may lie in the files as. */
interface StoredForm {
  readonly name: string;
  readonly shape: readonly number[];
  readonly types: readonly TensorType[];
}

const FLOAT_TYPES: readonly TensorType[] = ["F32", "BF16", "F16"];

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

/** Lists every tensor of the published network of `config`, with its shape; weights are `[out, in]`. */
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
 * Tells whether rows are multiplied by the tensor's transpose: the layers' weights and the output head,
 * which is the embedding where weights are tied.
 */
export function isLinearWeight(
  config: CheckpointConfig,
  name: string,
  shape: readonly number[],
): boolean {
  return shape.length === 2 && (name !== EMBEDDING_TENSOR || config.hasTiedWeights);
}

/**
 * Lists the tensors that stand for one of the published network, as the files hold them: itself, or its
 * quantised form. A tied embedding is both, since ids are looked up in it as well.
 */
function listStoredForms(
  config: CheckpointConfig,
  name: string,
  shape: readonly number[],
): readonly StoredForm[] {
  const plain: StoredForm = { name, shape, types: FLOAT_TYPES };
  if (config.quantization === null || !isLinearWeight(config, name, shape)) {
    return [plain];
  }
  const { levels, scales } = describeQuantizedForm(name, shape, config.quantization);
  const quantized = [levels, scales].map((tensor) => ({ ...tensor, types: [tensor.type] }));
  return name === EMBEDDING_TENSOR ? [plain, ...quantized] : quantized;
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
 *   `checkpoint_corrupt` (another shape or element type); `param` is the tensor's name.
 */
export function checkNetworkTensors(
  config: CheckpointConfig,
  tensors: ReadonlyMap<string, TensorLocation>,
): void {
  const stored = new Map(
    [...listNetworkTensors(config)]
      .flatMap(([name, shape]) => listStoredForms(config, name, shape))
      .map((tensor) => [tensor.name, tensor]),
  );
  for (const name of tensors.keys()) {
    if (!stored.has(name)) {
      throw new ApiError("tensor_not_supported", `The network has no place for ${name}.`, {
        param: name,
      });
    }
  }
  for (const [name, { shape, types }] of stored) {
    const tensor = findTensor(tensors, name);
    if (!types.includes(tensor.type)) {
      throw new ApiError(
        "tensor_not_supported",
        `${name} has elements of type ${tensor.type}; ${types.join(", ")} would do.`,
        { param: name },
      );
    }
    if (tensor.shape.join() !== shape.join()) {
      throw new ApiError(
        "checkpoint_corrupt",
        `${name} has shape [${tensor.shape.join(", ")}]; the config asks [${shape.join(", ")}].`,
        { param: name },
      );
    }
  }
}
