/**
 * Products with quantised weights as ONNX nodes.
 *
 * Owns: how rows of activations are rounded, and which operator multiplies.
 * Does not own: how weights are rounded and stored (quantize-weight.ts, quantization.ts).
 *
 * A row's result is a function of that row alone, bit for bit, whatever other rows are multiplied with it:
 * int8 rounds each row by its own largest magnitude and adds integers, exactly; int4 computes in float32.
 */

import type { CheckpointConfig } from "./checkpoint-config.ts";
import { type GraphBuilder, MICROSOFT_DOMAIN, type Value } from "./graph-builder.ts";
import { findTensor, listNetworkTensors } from "./network-tensors.ts";
import { INT4_BLOCK_SIZE, type Quantization, quantizedNames } from "./quantization.ts";
import type { TensorLocation } from "./tensor-table.ts";

/** Largest magnitude of a rounded activation; stored as unsigned bytes around {@link ZERO_LEVEL}. */
const LARGEST_LEVEL = 127;
const ZERO_LEVEL = 128;

/** Keeps the scale of a row of zeros above zero. */
const SMALLEST_PEAK = 1e-30;

/** A weight in its quantised form. */
export interface QuantizedWeight {
  readonly quantization: Quantization;
  /** The weight's name in the published checkpoint. */
  readonly name: string;
  readonly config: CheckpointConfig;
  readonly tensors: ReadonlyMap<string, TensorLocation>;
}

/**
 * Multiplies rows `[n, inputs]` by the transpose of a quantised weight.
 *
 * @returns `[n, outputs]` float32.
 */
export function multiplyQuantizedWeight(
  builder: GraphBuilder,
  weight: QuantizedWeight,
  rows: Value,
): Value {
  const names = quantizedNames(weight.name, weight.quantization);
  const use = (name: string): Value => builder.weight(name, findTensor(weight.tensors, name));
  return multiplyLevels(builder, rows, {
    quantization: weight.quantization,
    levels: use(names.levels),
    scales: use(names.scales),
    shape: listNetworkTensors(weight.config).get(weight.name) ?? [],
  });
}

/** The levels and scales of a weight `[outputs, inputs]` in a graph. */
export interface WeightLevels {
  readonly quantization: Quantization;
  readonly levels: Value;
  readonly scales: Value;
  readonly shape: readonly number[];
}

/** Multiplies rows `[n, inputs]` by the transpose of the weight that levels and scales stand for. */
export function multiplyLevels(builder: GraphBuilder, rows: Value, weight: WeightLevels): Value {
  return weight.quantization === "int8"
    ? multiplyInt8(builder, rows, weight.levels, weight.scales)
    : multiplyInt4(builder, rows, weight);
}

/** The runtime merges the rounding of rows that several weights multiply. */
function multiplyInt8(builder: GraphBuilder, rows: Value, levels: Value, scales: Value): Value {
  const float = (name: string, value: number): Value =>
    builder.floats(name, [], new Float32Array([value]));
  const zeroLevel = builder.bytes("zero_level", "U8", [], Uint8Array.of(ZERO_LEVEL));
  const magnitudes = builder.node("Abs", [rows]);
  const lastAxis = builder.integers("last_axis", [-1]);
  const peaks = builder.node("Max", [
    builder.node("ReduceMax", [magnitudes, lastAxis], { keepdims: 1 }),
    float("smallest_peak", SMALLEST_PEAK),
  ]);
  // What one level is worth in each row: the operator divides by it while it rounds, in one pass.
  const levelSizes = builder.node("Div", [peaks, float("largest_level", LARGEST_LEVEL)]);
  const perRow = builder.node("Squeeze", [levelSizes, lastAxis]);
  const zeroLevels = builder.node("Expand", [zeroLevel, builder.node("Shape", [perRow])]);
  const rounded = builder.node("QuantizeLinear", [rows, perRow, zeroLevels], { axis: 0 });
  const sums = builder.node(
    "MatMulIntegerToFloat",
    [rounded, levels, float("one_level", 1), scales, zeroLevel],
    {},
    MICROSOFT_DOMAIN,
  );
  return builder.node("Mul", [sums, levelSizes]);
}

function multiplyInt4(builder: GraphBuilder, rows: Value, weight: WeightLevels): Value {
  const [outputs = 0, inputs = 0] = weight.shape;
  return builder.node(
    "MatMulNBits",
    [rows, weight.levels, weight.scales],
    { N: outputs, K: inputs, bits: 4, block_size: INT4_BLOCK_SIZE },
    MICROSOFT_DOMAIN,
  );
}
