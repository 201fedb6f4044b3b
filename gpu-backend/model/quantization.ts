/**
 * The quantised forms in which a checkpoint may store its linear weights.
 *
 * Owns: which forms there are, and the names, shapes and element types of their tensors.
 * Does not own: making them (quantize-weight.ts), multiplying by them (quantized-product.ts).
 *
 * Key `unmask_quantization` of `config.json` names the form. A weight `NAME`, `[out, in]`, becomes
 *
 * - `int8`: `NAME_int8`, I8 `[in, out]`, and `NAME_scale`, F32 `[out]`: one scale per output.
 * - `int4`: `NAME_int4`, U8 `[out, in / 32, 16]`, and `NAME_scale`, F32 `[out, in / 32]`: one scale per
 *   32 inputs of an output; two levels a byte, the lower first, 8 stands for zero. The last block of an
 *   output is filled with zeros.
 */

import type { TensorType } from "./safetensors.ts";

/** Forms of quantised weights. */
export const QUANTIZATIONS = ["int8", "int4"] as const;

/** One of {@link QUANTIZATIONS}. */
export type Quantization = (typeof QUANTIZATIONS)[number];

/** Inputs that share one scale in `int4`. */
export const INT4_BLOCK_SIZE = 32;

/** How a tensor lies in the files. */
export interface StoredTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: TensorType;
}

/** The two tensors that stand for one weight. */
export interface QuantizedForm {
  readonly levels: StoredTensor;
  readonly scales: StoredTensor;
}

/** Lays out the quantised form of the weight `name`, `[outputs, inputs]`. */
export function describeQuantizedForm(
  name: string,
  shape: readonly number[],
  quantization: Quantization,
): QuantizedForm {
  const [outputs = 0, inputs = 0] = shape;
  const blocks = Math.ceil(inputs / INT4_BLOCK_SIZE);
  const names = quantizedNames(name, quantization);
  return quantization === "int8"
    ? {
        levels: { name: names.levels, shape: [inputs, outputs], type: "I8" },
        scales: { name: names.scales, shape: [outputs], type: "F32" },
      }
    : {
        levels: {
          name: names.levels,
          shape: [outputs, blocks, INT4_BLOCK_SIZE / 2],
          type: "U8",
        },
        scales: { name: names.scales, shape: [outputs, blocks], type: "F32" },
      };
}

/** Names of the two tensors that stand for the weight `name`. */
export function quantizedNames(
  name: string,
  quantization: Quantization,
): { readonly levels: string; readonly scales: string } {
  return { levels: `${name}_${quantization}`, scales: `${name}_scale` };
}
