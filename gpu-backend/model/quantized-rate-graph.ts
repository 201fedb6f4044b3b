import { GraphBuilder, type Value } from "./graph-builder.ts";
import { describeQuantizedForm, type Quantization } from "./quantization.ts";
import { createQuantizer } from "./quantize-weight.ts";
import { multiplyLevels } from "./quantized-product.ts";

/** Inputs and outputs of the graph of one product. */
export const RATE_GRAPH_NAMES = {
  /** int32 `[n]`: which of {@link RATE_ROW_COUNT} rows to multiply. */
  rowIndexes: "row_indexes",
  /** float32 `[n, outputs]`. */
  product: "product",
} as const;

/** Different rows that can be multiplied. */
export const RATE_ROW_COUNT = 16;

/**
 * Writes a graph that multiplies rows by one weight `[outputs, inputs]` as a network of that precision
 * does, to measure the machine's rate.
 *
 * @param quantization Null for float32.
 */
export function buildRateGraph(
  quantization: Quantization | null,
  outputs: number,
  inputs: number,
): Uint8Array {
  const builder = new GraphBuilder();
  const indexes = builder.input(RATE_GRAPH_NAMES.rowIndexes, "int32", ["rows"]);
  const table = builder.floats("rows", [RATE_ROW_COUNT, inputs], spread(RATE_ROW_COUNT * inputs));
  const rows = builder.node("Gather", [table, indexes]);
  const product = multiply(builder, rows, quantization, [outputs, inputs]);
  builder.output(RATE_GRAPH_NAMES.product, product, "float32", ["rows", outputs]);
  return builder.encode("rate");
}

function multiply(
  builder: GraphBuilder,
  rows: Value,
  quantization: Quantization | null,
  shape: readonly [outputs: number, inputs: number],
): Value {
  const weight = spread(shape[0] * shape[1]);
  if (quantization === null) {
    return builder.node("Gemm", [rows, builder.floats("weight", shape, weight)], { transB: 1 });
  }
  const form = describeQuantizedForm("weight", shape, quantization);
  const quantizer = createQuantizer(quantization, ...shape);
  quantizer.take(weight);
  const type = quantization === "int8" ? "I8" : "U8";
  return multiplyLevels(builder, rows, {
    quantization,
    levels: builder.bytes(form.levels.name, type, form.levels.shape, quantizer.levels),
    scales: builder.floats(form.scales.name, form.scales.shape, quantizer.scales),
    shape,
  });
}

/** Values of both signs over [-0.5, 0.5), without a pattern that a kernel could profit from. */
function spread(count: number): Float32Array {
  return Float32Array.from(
    { length: count },
    (_, i) => (Math.imul(i, 2654435761) >>> 8) / 2 ** 24 - 0.5,
  );
}
