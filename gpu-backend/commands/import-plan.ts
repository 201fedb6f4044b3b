/**
 * What serving a network takes, by arithmetic.
 *
 * Owns: bytes and operations of one forward pass, and how they grow with layers.
 * Does not own: the machine's rate (import-rate.ts).
 */

import type { CheckpointConfig } from "../model/checkpoint-config.ts";
import { EMBEDDING_TENSOR, isLinearWeight, listNetworkTensors } from "../model/network-tensors.ts";
import { describeQuantizedForm, QUANTIZATIONS } from "../model/quantization.ts";
import { countBytes } from "../model/quantized-shard.ts";
import type { TensorType } from "../model/safetensors.ts";
import type { ProductRates } from "./import-rate.ts";

/** Precisions of weights that a plan compares. */
export const PRECISIONS = ["fp32", "bf16", ...QUANTIZATIONS] as const;
type Precision = (typeof PRECISIONS)[number];

/** The pass that a plan is about: one canvas, and the candidates of one block. */
const MAX_COLUMNS = 192;
const MAX_CANDIDATES = 32;

/**
 * Providers that compute with the weights in that precision. Nothing computes in bf16: such weights are
 * widened to float32 when they are loaded, so the row tells the size of the files.
 */
const PROVIDERS: Readonly<Record<Precision, readonly string[]>> = {
  fp32: ["cpu", "cuda", "tensorrt", "webgpu"],
  bf16: [],
  int8: ["cpu"],
  int4: ["cpu"],
};

/** Bytes while serving. */
interface MemoryPlan {
  readonly providers: readonly string[];
  readonly weights_per_layer: number;
  readonly weights_outside_layers: number;
  readonly weights: number;
  readonly activations: number;
  readonly candidate_logits: number;
  readonly kept_keys_and_values: number;
  readonly total: number;
}

/** Milliseconds of one forward pass on one thread, at the measured rate. */
interface StepPlan {
  readonly per_layer: number;
  readonly outside_layers: number;
  readonly total: number;
}

/** A network with some number of layers. */
export interface NetworkPlan {
  readonly layers: number;
  readonly parameters_per_layer: number;
  readonly parameters_outside_layers: number;
  readonly parameters: number;
  readonly pass: { readonly rows: number; readonly columns: number; readonly candidates: number };
  readonly memory_bytes: Readonly<Record<Precision, MemoryPlan>>;
  readonly step_ms_on_one_thread: Readonly<Record<keyof ProductRates, StepPlan>>;
}

/**
 * Plans a network of the shape of `config` with `layerCount` layers.
 *
 * Every total is what lies outside the layers plus `layerCount` times what one layer takes; all candidates
 * and the columns of one canvas are counted in every layer, so the last one is a little overrated.
 *
 * @param embeddingType Element type in the files: ids are looked up in the table as it is stored.
 */
export function planNetwork(
  config: CheckpointConfig,
  embeddingType: TensorType,
  layerCount: number,
  rates: ProductRates,
): NetworkPlan {
  const columns = Math.min(MAX_COLUMNS, config.maxSequenceLength);
  const candidates = Math.min(MAX_CANDIDATES, columns);
  const layer = countParameters(config, (name) => name.includes(".blocks.0."));
  const outside = countParameters(config, (name) => !name.includes(".blocks."));
  const memory = (precision: Precision): MemoryPlan =>
    planMemory(config, precision, embeddingType, layerCount, columns, candidates);
  const step = (rate: number): StepPlan => planStep(config, layerCount, columns, candidates, rate);
  return {
    layers: layerCount,
    parameters_per_layer: layer,
    parameters_outside_layers: outside,
    parameters: outside + layerCount * layer,
    pass: { rows: 1, columns, candidates },
    memory_bytes: {
      fp32: memory("fp32"),
      bf16: memory("bf16"),
      int8: memory("int8"),
      int4: memory("int4"),
    },
    step_ms_on_one_thread: {
      fp32: step(rates.fp32),
      int8: step(rates.int8),
      int4: step(rates.int4),
    },
  };
}

function countParameters(config: CheckpointConfig, isWanted: (name: string) => boolean): number {
  return sum(
    [...listNetworkTensors(config)]
      .filter(([name]) => isWanted(name))
      .map(([, shape]) => shape.reduce((product, side) => product * side, 1)),
  );
}

function planMemory(
  config: CheckpointConfig,
  precision: Precision,
  embeddingType: TensorType,
  layerCount: number,
  columns: number,
  candidates: number,
): MemoryPlan {
  const shapes = [...listNetworkTensors(config)];
  const bytes = (isWanted: (name: string) => boolean): number =>
    sum(
      shapes
        .filter(([name]) => isWanted(name))
        .map(([name, shape]) => countWeightBytes(config, name, shape, precision, embeddingType)),
    );
  const { modelSize, mlpHiddenSize, headCount, headSize, kvHeadCount } = config;
  const perLayer = bytes((name) => name.includes(".blocks.0."));
  const outside = bytes((name) => !name.includes(".blocks."));
  const kvSize = kvHeadCount * headSize;
  const plan = {
    weights_per_layer: perLayer,
    weights_outside_layers: outside,
    weights: outside + layerCount * perLayer,
    // Residual stream, norm, queries, mixed values, keys, values; gate, up, product; scores and mask.
    activations:
      4 * columns * (4 * modelSize + 2 * kvSize + 3 * mlpHiddenSize) +
      4 * columns * columns * (headCount + 1),
    candidate_logits: 4 * candidates * config.embeddingSize,
    kept_keys_and_values: 4 * layerCount * columns * 2 * kvSize,
  };
  const total = plan.weights + plan.activations + plan.candidate_logits + plan.kept_keys_and_values;
  return { providers: PROVIDERS[precision], ...plan, total };
}

function countWeightBytes(
  config: CheckpointConfig,
  name: string,
  shape: readonly number[],
  precision: Precision,
  embeddingType: TensorType,
): number {
  const float = (type: TensorType): number => countBytes({ name, shape, type });
  const table = name === EMBEDDING_TENSOR ? float(embeddingType) : 0;
  if (!isLinearWeight(config, name, shape)) {
    return table === 0 ? float("F32") : table;
  }
  if (precision === "fp32" || precision === "bf16") {
    return table + float(precision === "fp32" ? "F32" : "BF16");
  }
  const { levels, scales } = describeQuantizedForm(name, shape, precision);
  return table + countBytes(levels) + countBytes(scales);
}

/** @param rate Multiplications and additions per second. */
function planStep(
  config: CheckpointConfig,
  layerCount: number,
  columns: number,
  candidates: number,
  rate: number,
): StepPlan {
  const linear = countParameters(config, (name) => name.includes(".blocks.0."));
  const attention = 4 * columns * columns * config.headCount * config.headSize;
  const milliseconds = (operations: number): number => (1000 * operations) / rate;
  const perLayer = milliseconds(2 * columns * linear + attention);
  const outside = milliseconds(2 * candidates * config.embeddingSize * config.modelSize);
  return {
    per_layer: perLayer,
    outside_layers: outside,
    total: outside + layerCount * perLayer,
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
