/**
 * LLaDA's network in plain float64, to hold the graph to; slow, and short enough to be read. Quantised
 * weights are multiplied as the graph does: int8 rounds activations row by row, int4 does not.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { CanvasBatch } from "../../gpu-backend/canvas/canvas-batch.ts";
import type { Checkpoint } from "../../gpu-backend/model/checkpoint.ts";
import {
  EMBEDDING_TENSOR,
  FINAL_NORM_TENSOR,
  findTensor,
  HEAD_TENSOR,
  type LayerTensor,
  layerTensorName,
} from "../../gpu-backend/model/network-tensors.ts";
import { quantizedNames } from "../../gpu-backend/model/quantization.ts";

type Vector = readonly number[];
/** `[out][in]`; a norm is `[1][size]`. */
type Matrix = readonly Vector[];

/** Finite, so that a padding column that sees nothing stays a number: others take it times zero. */
const EXCLUDED_SCORE = -1e30;

/** Logits of one batch: one vector per candidate. */
export function referenceLogits(checkpoint: Checkpoint, batch: CanvasBatch): number[][] {
  const read = createReader(checkpoint);
  const hidden = Array.from({ length: batch.rowCount }, (_, row) => {
    const start = row * batch.length;
    const ids = batch.tokenIds.subarray(start, start + batch.length);
    return forwardRow(checkpoint, read, ids, batch.attended.subarray(start, start + batch.length));
  }).flat();
  const head = checkpoint.config.hasTiedWeights ? EMBEDDING_TENSOR : HEAD_TENSOR;
  const finalNorm = read(FINAL_NORM_TENSOR);
  return [...batch.candidateIndexes].map((index) =>
    createMultiplier(checkpoint, read)(head, normalize(checkpoint, hidden[index] ?? [], finalNorm)),
  );
}

function forwardRow(
  checkpoint: Checkpoint,
  read: (name: string) => Matrix,
  ids: Int32Array,
  attended: Uint8Array,
): Vector[] {
  const { config } = checkpoint;
  const embedding = read(EMBEDDING_TENSOR);
  const multiplyBy = createMultiplier(checkpoint, read);
  let hidden: Vector[] = [...ids].map((id) => embedding[id] ?? []);
  for (let layer = 0; layer < config.layerCount; layer += 1) {
    const multiply = (tensor: LayerTensor, x: Vector): Vector =>
      multiplyBy(layerTensorName(layer, tensor), x);
    const norm = (tensor: LayerTensor): Matrix => read(layerTensorName(layer, tensor));
    const normed = hidden.map((x) => normalize(checkpoint, x, norm("attn_norm")));
    const rotated = (tensor: LayerTensor): Vector[] =>
      normed.map((x, position) => rotate(checkpoint, multiply(tensor, x), position));
    const values = normed.map((x) => multiply("v_proj", x));
    const mixed = attend(checkpoint, rotated("q_proj"), rotated("k_proj"), values, attended);
    hidden = hidden.map((x, i) => add(x, multiply("attn_out", mixed[i] ?? [])));
    hidden = hidden.map((x) => {
      const y = normalize(checkpoint, x, norm("ff_norm"));
      const up = multiply("up_proj", y);
      const gated = multiply("ff_proj", y).map(
        (gate, i) => (gate / (1 + Math.exp(-gate))) * (up[i] ?? 0),
      );
      return add(x, multiply("ff_out", gated));
    });
  }
  return hidden;
}

function attend(
  { config }: Checkpoint,
  queries: readonly Vector[],
  keys: readonly Vector[],
  values: readonly Vector[],
  attended: Uint8Array,
): Vector[] {
  const { headCount, kvHeadCount, headSize } = config;
  const head = (x: Vector, index: number): Vector =>
    x.slice(index * headSize, (index + 1) * headSize);
  return queries.map((query, column) =>
    Array.from({ length: headCount }, (_, h) => {
      const kvHead = Math.floor(h / (headCount / kvHeadCount));
      const scores = keys.map((key, i) =>
        attended[i] === 1 && !(config.isCausal && i > column)
          ? dot(head(query, h), head(key, kvHead)) / Math.sqrt(headSize)
          : EXCLUDED_SCORE,
      );
      const weights = softmax(scores);
      return Array.from({ length: headSize }, (__, d) =>
        values.reduce((sum, v, i) => sum + (weights[i] ?? 0) * (v[kvHead * headSize + d] ?? 0), 0),
      );
    }).flat(),
  );
}

/** Rotates every head: its first half with its second half. */
function rotate({ config }: Checkpoint, x: Vector, position: number): Vector {
  const { headSize, ropeTheta } = config;
  const half = headSize / 2;
  return x.map((value, i) => {
    const withinHead = i % headSize;
    const angle = position * ropeTheta ** (-(2 * (withinHead % half)) / headSize);
    const partner = withinHead < half ? -(x[i + half] ?? 0) : (x[i - half] ?? 0);
    return value * Math.cos(angle) + partner * Math.sin(angle);
  });
}

function normalize({ config }: Checkpoint, x: Vector, weight: Matrix): Vector {
  const scale = 1 / Math.sqrt(dot(x, x) / x.length + config.rmsNormEpsilon);
  return x.map((value, i) => value * scale * (weight[0]?.[i] ?? 0));
}

function softmax(scores: Vector): Vector {
  const largest = Math.max(...scores);
  const exponentials = scores.map((score) => Math.exp(score - largest));
  const total = exponentials.reduce((sum, value) => sum + value, 0);
  return exponentials.map((value) => value / total);
}

/** Multiplies by the linear weight of a name, in the form that the checkpoint stores. */
function createMultiplier(
  { config }: Checkpoint,
  read: (name: string) => Matrix,
): (name: string, x: Vector) => number[] {
  return (name, x) => {
    if (config.quantization === null) return read(name).map((row) => dot(row, x));
    const names = quantizedNames(name, config.quantization);
    const [levels, scales] = [read(names.levels), read(names.scales)];
    return config.quantization === "int8"
      ? multiplyInt8(levels, scales[0] ?? [], x)
      : multiplyInt4(levels, scales, x);
  };
}

/** @param levels `[in][out]`. */
function multiplyInt8(levels: Matrix, scales: Vector, x: Vector): number[] {
  const step = Math.max(...x.map(Math.abs)) / 127;
  const rounded = x.map((value) => Math.round(value / step));
  return scales.map((scale, output) => {
    const column = levels.map((row) => row[output] ?? 0);
    return dot(rounded, column) * scale * step;
  });
}

/** @param bytes `[out * blocks][16]`, @param scales `[out][blocks]`. */
function multiplyInt4(bytes: Matrix, scales: Matrix, x: Vector): number[] {
  return scales.map((blocks, output) => {
    const weights = blocks.flatMap((scale, block) =>
      (bytes[output * blocks.length + block] ?? []).flatMap((byte) =>
        [byte & 15, byte >> 4].map((level) => (level - 8) * scale),
      ),
    );
    return dot(x, weights);
  });
}

function dot(a: Vector, b: Vector): number {
  let sum = 0;
  for (const [i, value] of a.entries()) {
    sum += value * (b[i] ?? 0);
  }
  return sum;
}

function add(a: Vector, b: Vector): Vector {
  return a.map((value, i) => value + (b[i] ?? 0));
}

function createReader({ table }: Checkpoint): (name: string) => Matrix {
  const matrices = new Map<string, Matrix>();
  return (name) => {
    const known = matrices.get(name);
    if (known !== undefined) {
      return known;
    }
    const { location, type, shape, byteOffset, byteLength } = findTensor(table.tensors, name);
    const file = readFileSync(join(table.folder, location));
    const data = new DataView(file.buffer, file.byteOffset + byteOffset, byteLength);
    const rowSize = shape.at(-1) ?? 1;
    const decode = DECODERS[type];
    const rowCount = shape.slice(0, -1).reduce((product, side) => product * side, 1);
    const matrix = Array.from({ length: rowCount }, (_, row) =>
      Array.from({ length: rowSize }, (__, column) => decode(data, row * rowSize + column)),
    );
    matrices.set(name, matrix);
    return matrix;
  };
}

const DECODERS = {
  I8: (data: DataView, i: number) => data.getInt8(i),
  U8: (data: DataView, i: number) => data.getUint8(i),
  F32: (data: DataView, i: number) => data.getFloat32(i * 4, true),
  BF16: (data: DataView, i: number) => fromBits(data.getUint16(i * 2, true) << 16),
  F16: (data: DataView, i: number) => {
    const bits = data.getUint16(i * 2, true);
    const fraction = bits & 0x3ff;
    const exponent = (bits >>> 10) & 0x1f;
    const size =
      exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15);
    return bits & 0x8000 ? -size : size;
  },
};

function fromBits(bits: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setInt32(0, bits);
  return view.getFloat32(0);
}
