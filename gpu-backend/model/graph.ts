/**
 * LLaDA's network as an ONNX model whose weights stay in the checkpoint's files.
 *
 * Owns: the graph: embedding, layers, and logits at candidate positions; where its own keys and
 * values meet kept ones.
 * Does not own: one layer's arithmetic (transformer-layer.ts), running it, and which keys and values
 * are kept (model-runner/).
 * Walk: step 9.
 */

import type { Checkpoint } from "./checkpoint.ts";
import { addChoiceOutputs } from "./choice-outputs.ts";
import { GraphBuilder, type Value } from "./graph-builder.ts";
import { EMBEDDING_TENSOR, FINAL_NORM_TENSOR, findTensor, HEAD_TENSOR } from "./network-tensors.ts";
import { createRotaryTable } from "./rotary-table.ts";
import {
  attend,
  finishLayer,
  type LayerContext,
  multiplyWeight,
  normalize,
  type Projections,
  projectAttention,
} from "./transformer-layer.ts";

/** Added to the score of a column that is not attended: its weight is then exactly 0 in float32. */
const EXCLUDED_SCORE = -1e30;

/** Inputs and outputs of the graph, by role. */
export const GRAPH_NAMES = {
  /** int32 `[batch, length]`: the columns that are fed. */
  tokenIds: "token_ids",
  /** int32 `[batch]`: position of each row's first fed column. */
  firstColumns: "first_columns",
  /** bool `[batch, kept + length]`: the kept columns, then the fed ones. */
  attended: "attended",
  /** int32 `[candidates]`: flat indexes into `[batch, length]`. */
  candidateIndexes: "candidate_indexes",
  /** int32 `[logit rows]`: which candidates are answered with their logits; the others see choice-outputs.ts. */
  logitRows: "logit_rows",
  /** float32 `[logit rows, embeddingSize]`. */
  logits: "logits",
} as const;

/** Keys (rotated) and values of one layer, float32 `[batch, columns, kvHeadCount * headSize]`. */
export interface KeyValueNames {
  readonly keys: string;
  readonly values: string;
}

/** Inputs with the kept keys and values of each layer; `[batch, kept, …]`, where kept may be 0. */
export function keptNames(layerCount: number): readonly KeyValueNames[] {
  return nameLayers("kept", layerCount);
}

/** Outputs with the keys and values of the fed columns, of each layer; `[batch, length, …]`. */
export function ownNames(layerCount: number): readonly KeyValueNames[] {
  return nameLayers("own", layerCount);
}

/**
 * Writes the network of a checkpoint as ONNX.
 *
 * One graph serves whole canvases (nothing is kept) and spans of them, so the weights are in memory
 * once. Only keys and values are needed of the last layer at positions that are no candidates, so its
 * feed-forward network, the final norm and the output head run on the candidates alone.
 *
 * @returns The encoded model; external data is relative to `checkpoint.table.folder`.
 */
export function buildGraph(checkpoint: Checkpoint): Uint8Array {
  const { config } = checkpoint;
  const builder = new GraphBuilder();
  const tokenIds = builder.input(GRAPH_NAMES.tokenIds, "int32", ["batch", "length"]);
  const firstColumns = builder.input(GRAPH_NAMES.firstColumns, "int32", ["batch"]);
  const attended = builder.input(GRAPH_NAMES.attended, "bool", ["batch", "keys"]);
  const candidates = builder.input(GRAPH_NAMES.candidateIndexes, "int32", ["candidates"]);
  const context = createContext(builder, checkpoint, tokenIds, firstColumns);
  const scores = {
    included: builder.floats("included_score", [], new Float32Array([0])),
    excluded: builder.floats("excluded_score", [], new Float32Array([EXCLUDED_SCORE])),
  };
  const mask = buildMask(builder, attended, tokenIds, scores);

  let hidden = embed(context, tokenIds);
  for (let layerIndex = 0; layerIndex < config.layerCount; layerIndex += 1) {
    const own = projectAttention(context, layerIndex, hidden);
    let mixed = attend(context, joinKept(context, layerIndex, own), mask);
    if (layerIndex === config.layerCount - 1) {
      mixed = builder.node("Gather", [mixed, candidates], { axis: 0 });
      hidden = builder.node("Gather", [hidden, candidates], { axis: 0 });
    }
    hidden = finishLayer(context, layerIndex, hidden, mixed);
  }
  const logits = predictLogits(context, hidden);
  const logitRows = builder.input(GRAPH_NAMES.logitRows, "int32", ["logit_rows"]);
  const wanted = builder.node("Gather", [logits, logitRows], { axis: 0 });
  builder.output(GRAPH_NAMES.logits, wanted, "float32", ["logit_rows", config.embeddingSize]);
  addChoiceOutputs(builder, logits, config.embeddingSize, scores);
  return builder.encode("mask_predictor");
}

function nameLayers(prefix: string, layerCount: number): KeyValueNames[] {
  return Array.from({ length: layerCount }, (_, layerIndex) => ({
    keys: `${prefix}_keys_${layerIndex}`,
    values: `${prefix}_values_${layerIndex}`,
  }));
}

function createContext(
  builder: GraphBuilder,
  checkpoint: Checkpoint,
  tokenIds: Value,
  firstColumns: Value,
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
    positions: buildPositions(builder, tokenIds, firstColumns),
    cosines: builder.floats("cosines", [length, headSize / 2], rotary.cosines),
    sines: builder.floats("sines", [length, headSize / 2], rotary.sines),
  };
}

/** Position of every fed column, int64 `[batch, length]`. */
function buildPositions(builder: GraphBuilder, tokenIds: Value, firstColumns: Value): Value {
  const axes = builder.integers("position_axes", [1]);
  const first = builder.node("Unsqueeze", [builder.toInt64(firstColumns), axes]);
  const zero = builder.integer("zero", 0);
  const one = builder.integer("one", 1);
  const length = builder.node("Squeeze", [
    builder.node("Shape", [tokenIds], { start: 1, end: 2 }),
    builder.integers("length_axes", [0]),
  ]);
  return builder.node("Add", [first, builder.node("Range", [zero, length, one])]);
}

/** Turns `[batch, keys]` into scores to add, `[batch, 1, length, keys]`. */
function buildMask(
  builder: GraphBuilder,
  attended: Value,
  tokenIds: Value,
  { included, excluded }: { readonly included: Value; readonly excluded: Value },
): Value {
  const ofKeys = builder.node("Where", [attended, included, excluded]);
  const perKey = builder.node("Unsqueeze", [ofKeys, builder.integers("mask_axes", [1, 2])]);
  // The operator does not broadcast over queries by itself.
  const length = builder.node("Shape", [tokenIds], { start: 1, end: 2 });
  const ones = builder.integers("ones", [1]);
  const perQuery = builder.node("Concat", [ones, ones, length, ones], { axis: 0 });
  return builder.node("Expand", [perKey, perQuery]);
}

/** Publishes a layer's own keys and values, and puts the kept ones before them. */
function joinKept(context: LayerContext, layerIndex: number, own: Projections): Projections {
  const { builder, config } = context;
  const size = config.kvHeadCount * config.headSize;
  const { layerCount } = config;
  const kept = keptNames(layerCount)[layerIndex];
  const published = ownNames(layerCount)[layerIndex];
  if (kept === undefined || published === undefined) return own;
  builder.output(published.keys, own.keys, "float32", ["batch", "length", size]);
  builder.output(published.values, own.values, "float32", ["batch", "length", size]);
  const join = (name: string, value: Value) =>
    builder.node("Concat", [builder.input(name, "float32", ["batch", "kept", size]), value], {
      axis: 1,
    });
  return {
    queries: own.queries,
    keys: join(kept.keys, own.keys),
    values: join(kept.values, own.values),
  };
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
