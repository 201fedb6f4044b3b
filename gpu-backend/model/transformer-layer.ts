/**
 * The parts of one transformer layer as ONNX nodes.
 *
 * Owns: norm, rotation, projections, attention output and feed-forward. Hidden states are
 * `[batch * length, modelSize]` row-major float32 between the parts.
 * Does not own: which columns attend to which, and whether keys and values come from a cache: the
 * graph that joins the parts decides (graph.ts).
 */

import type { CheckpointConfig } from "./checkpoint-config.ts";
import { type GraphBuilder, MICROSOFT_DOMAIN, type Value } from "./graph-builder.ts";
import { findTensor, type LayerTensor, layerTensorName } from "./network-tensors.ts";
import { multiplyQuantizedWeight } from "./quantized-product.ts";
import type { TensorLocation } from "./tensor-table.ts";

/** What every layer of a graph shares. */
export interface LayerContext {
  readonly builder: GraphBuilder;
  readonly config: CheckpointConfig;
  readonly tensors: ReadonlyMap<string, TensorLocation>;
  /** int64 `[3]`: batch, length, -1. */
  readonly batchShape: Value;
  /** int64 `[2]`: -1, modelSize. */
  readonly rowsShape: Value;
  /** Position of every column, int64 `[batch, length]`. */
  readonly positions: Value;
  /** `[maxSequenceLength, headSize / 2]`. */
  readonly cosines: Value;
  readonly sines: Value;
}

/**
 * `[batch, length, heads * headSize]` float32; queries and keys are rotated. Keys and values may have
 * other columns than the queries.
 */
export interface Projections {
  readonly queries: Value;
  readonly keys: Value;
  readonly values: Value;
}

/** Normalises and projects hidden states to rotated queries, rotated keys, and values. */
export function projectAttention(
  context: LayerContext,
  layerIndex: number,
  hidden: Value,
): Projections {
  const { builder, config } = context;
  const normed = normalize(context, layerTensorName(layerIndex, "attn_norm"), hidden);
  const project = (tensor: LayerTensor): Value =>
    builder.node("Reshape", [
      multiplyWeight(context, layerTensorName(layerIndex, tensor), normed),
      context.batchShape,
    ]);
  return {
    queries: rotate(context, project("q_proj"), config.headCount),
    keys: rotate(context, project("k_proj"), config.kvHeadCount),
    values: project("v_proj"),
  };
}

/**
 * Attention of every query column to the columns that `mask` allows: in both directions, or of a causal
 * network, which is never fed in spans, to the earlier ones.
 *
 * @param mask Broadcasts to `[batch, heads, length, key length]`, float32, added to the scores.
 * @returns `[batch * length, modelSize]`, before the output projection.
 */
export function attend(context: LayerContext, projections: Projections, mask: Value): Value {
  const { builder, config } = context;
  const mixed = builder.node(
    "Attention",
    [projections.queries, projections.keys, projections.values, mask],
    {
      is_causal: config.isCausal ? 1 : 0,
      q_num_heads: config.headCount,
      kv_num_heads: config.kvHeadCount,
    },
  );
  return builder.node("Reshape", [mixed, context.rowsShape]);
}

/** Adds the projected attention, then the feed-forward network, to hidden states `[rows, modelSize]`. */
export function finishLayer(
  context: LayerContext,
  layerIndex: number,
  hidden: Value,
  mixed: Value,
): Value {
  const { builder } = context;
  const name = (tensor: LayerTensor): string => layerTensorName(layerIndex, tensor);
  const attended = builder.node("Add", [hidden, multiplyWeight(context, name("attn_out"), mixed)]);
  const normed = normalize(context, name("ff_norm"), attended);
  const gate = multiplyWeight(context, name("ff_proj"), normed);
  const silu = builder.node("QuickGelu", [gate], { alpha: { float: 1 } }, MICROSOFT_DOMAIN);
  const up = multiplyWeight(context, name("up_proj"), normed);
  const product = builder.node("Mul", [silu, up]);
  return builder.node("Add", [attended, multiplyWeight(context, name("ff_out"), product)]);
}

/** Root-mean-square norm of rows, times the weight called `tensorName`. */
export function normalize(context: LayerContext, tensorName: string, rows: Value): Value {
  return context.builder.node(
    "SimplifiedLayerNormalization",
    [rows, useWeight(context, tensorName)],
    { axis: -1, epsilon: { float: context.config.rmsNormEpsilon } },
  );
}

/** Multiplies rows `[n, in]` by the transpose of a weight `[out, in]`, in the form that is stored. */
export function multiplyWeight(context: LayerContext, tensorName: string, rows: Value): Value {
  const { builder, config, tensors } = context;
  if (config.quantization !== null) {
    const weight = { name: tensorName, quantization: config.quantization, config, tensors };
    return multiplyQuantizedWeight(builder, weight, rows);
  }
  return builder.node("Gemm", [rows, useWeight(context, tensorName)], { transB: 1 });
}

function useWeight(context: LayerContext, tensorName: string): Value {
  const tensor = findTensor(context.tensors, tensorName);
  return context.builder.toFloat32(context.builder.weight(tensorName, tensor), tensor.type);
}

function rotate(context: LayerContext, heads: Value, headCount: number): Value {
  return context.builder.node(
    "RotaryEmbedding",
    [heads, context.positions, context.cosines, context.sines],
    { interleaved: 0, num_heads: headCount },
    MICROSOFT_DOMAIN,
  );
}
