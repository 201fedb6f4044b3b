/**
 * LLaDA's network as an ONNX model whose weights stay in the checkpoint's files.
 *
 * Owns: the whole-canvas graph: embedding, layers, and logits at candidate positions.
 * Does not own: one layer's arithmetic (transformer-layer.ts), running it (model-runner/).
 * Walk: step 9.
 */

import type { Checkpoint } from "./checkpoint.ts";
import { GraphBuilder, type Value } from "./graph-builder.ts";
import { EMBEDDING_TENSOR, FINAL_NORM_TENSOR, findTensor, HEAD_TENSOR } from "./network-tensors.ts";
import { createRotaryTable } from "./rotary-table.ts";
import {
  attend,
  finishLayer,
  type LayerContext,
  multiplyWeight,
  normalize,
  projectAttention,
} from "./transformer-layer.ts";

/** Added to the score of a column that is not attended: its weight is then exactly 0 in float32. */
const EXCLUDED_SCORE = -1e30;

/** Inputs and outputs of the whole-canvas graph, by role. */
export const FULL_GRAPH_NAMES = {
  /** int32 `[batch, length]`. */
  tokenIds: "token_ids",
  /** bool `[batch, length]`. */
  attended: "attended",
  /** int32 `[candidates]`: flat indexes into `[batch, length]`. */
  candidateIndexes: "candidate_indexes",
  /** float32 `[candidates, embeddingSize]`. */
  logits: "logits",
} as const;

/**
 * Writes the network of a checkpoint as ONNX.
 *
 * Only keys and values are needed of the last layer at positions that are no candidates, so its
 * feed-forward network, the final norm and the output head run on the candidates alone.
 *
 * @returns The encoded model; external data is relative to `checkpoint.table.folder`.
 */
export function buildFullGraph(checkpoint: Checkpoint): Uint8Array {
  const { config } = checkpoint;
  const builder = new GraphBuilder();
  const tokenIds = builder.input(FULL_GRAPH_NAMES.tokenIds, "int32", ["batch", "length"]);
  const attended = builder.input(FULL_GRAPH_NAMES.attended, "bool", ["batch", "length"]);
  const candidates = builder.input(FULL_GRAPH_NAMES.candidateIndexes, "int32", ["candidates"]);
  const context = createContext(builder, checkpoint, tokenIds);
  const mask = buildMask(builder, attended);

  let hidden = embed(context, tokenIds);
  for (let layerIndex = 0; layerIndex < config.layerCount; layerIndex += 1) {
    let mixed = attend(context, projectAttention(context, layerIndex, hidden), mask);
    if (layerIndex === config.layerCount - 1) {
      mixed = builder.node("Gather", [mixed, candidates], { axis: 0 });
      hidden = builder.node("Gather", [hidden, candidates], { axis: 0 });
    }
    hidden = finishLayer(context, layerIndex, hidden, mixed);
  }
  const logits = predictLogits(context, hidden);
  builder.output(FULL_GRAPH_NAMES.logits, logits, "float32", ["candidates", config.embeddingSize]);
  return builder.encode("mask_predictor");
}

function createContext(
  builder: GraphBuilder,
  checkpoint: Checkpoint,
  tokenIds: Value,
): LayerContext {
  const { config, table } = checkpoint;
  const { maxSequenceLength: length, headSize } = config;
  const rotary = createRotaryTable(length, headSize, config.ropeTheta);
  const shape = builder.node("Shape", [tokenIds]);
  const rest = builder.integers("rest", [-1]);
  return {
    builder,
    config,
    tensors: table.tensors,
    batchShape: builder.node("Concat", [shape, rest], { axis: 0 }),
    rowsShape: builder.integers("rows_shape", [-1, config.modelSize]),
    firstPosition: builder.integers("first_position", [0]),
    cosines: builder.floats("cosines", [length, headSize / 2], rotary.cosines),
    sines: builder.floats("sines", [length, headSize / 2], rotary.sines),
  };
}

/** Turns `[batch, length]` into scores to add, `[batch, 1, length, length]`. */
function buildMask(builder: GraphBuilder, attended: Value): Value {
  const included = builder.floats("included_score", [], new Float32Array([0]));
  const excluded = builder.floats("excluded_score", [], new Float32Array([EXCLUDED_SCORE]));
  const scores = builder.node("Where", [attended, included, excluded]);
  const perKey = builder.node("Unsqueeze", [scores, builder.integers("mask_axes", [1, 2])]);
  // The operator does not broadcast over queries by itself.
  const length = builder.node("Shape", [attended], { start: 1, end: 2 });
  const one = builder.integers("one", [1]);
  const perQuery = builder.node("Concat", [one, one, length, one], { axis: 0 });
  return builder.node("Expand", [perKey, perQuery]);
}

/** Looks token ids up: `[batch * length, modelSize]`. */
function embed(context: LayerContext, tokenIds: Value): Value {
  const { builder } = context;
  const tensor = findTensor(context.tensors, EMBEDDING_TENSOR);
  const table = builder.weight(EMBEDDING_TENSOR, tensor);
  // Widened after the look-up, so that the table stays as small as it is on disk.
  const rows = builder.toFloat32(builder.node("Gather", [table, tokenIds]), tensor.type);
  return builder.node("Reshape", [rows, context.rowsShape]);
}

function predictLogits(context: LayerContext, hidden: Value): Value {
  const normed = normalize(context, FINAL_NORM_TENSOR, hidden);
  const head = context.config.hasTiedWeights ? EMBEDDING_TENSOR : HEAD_TENSOR;
  return multiplyWeight(context, head, normed);
}
