/**
 * The network in its session: batches in, answers out.
 *
 * Owns: the tensors that each kind of pass feeds and reads, and the keys and values that stand for a context.
 * Does not own: the runtime (onnx-session.ts), the graph (model/graph.ts), the thread that a pass
 * blocks (session-worker.ts).
 */

import type { BatchAnswer } from "../canvas/candidate-choices.ts";
import type { BatchContext, CanvasBatch } from "../canvas/canvas-batch.ts";
import { CHOICE_NAMES } from "../model/choice-outputs.ts";
import { GRAPH_NAMES, type KeyValueNames, keptNames, ownNames } from "../model/graph.ts";
import {
  type ContextPart,
  joinRows,
  type WholeRow,
  wholeFirstColumns,
  wholeRows,
} from "./context-rows.ts";
import { ContextStore, contextKey, type KeyValues } from "./context-store.ts";
import type { InputTensor, OnnxSession, OutputTensors } from "./onnx-session.ts";

/** What must be known of a network beside its graph. */
export interface NetworkShape {
  readonly layerCount: number;
  /** Size of one column's keys in one layer: `kvHeadCount * headSize`. */
  readonly kvSize: number;
}

/** What spans attend to of several contexts, as one batch. */
interface Join {
  readonly contexts: readonly KeyValues[];
  readonly part: ContextPart;
  readonly joined: KeyValues;
  /** `[rows, kept columns]`: 0 where one is padding. */
  readonly attended: Uint8Array;
}

/** A loaded network with its memo of contexts; one call at a time. */
export class Network {
  readonly #session: OnnxSession;
  readonly #shape: NetworkShape;
  readonly #store: ContextStore;
  readonly #kept: readonly KeyValueNames[];
  readonly #own: readonly KeyValueNames[];
  /** The contexts of the last spans, and one batch of them; beyond the bound of the store. */
  #lastJoin: Join | null = null;
  /** Columns of contexts that the present batch has had computed again. */
  #recomputedColumns = 0;

  /**
   * @param session On the graph of model/graph.ts.
   * @param maxContextBytes Most bytes of keys and values to keep; a context that is gone costs the
   *   next span of it a whole pass.
   */
  constructor(session: OnnxSession, shape: NetworkShape, maxContextBytes: number) {
    this.#session = session;
    this.#shape = shape;
    this.#store = new ContextStore(maxContextBytes);
    this.#kept = keptNames(shape.layerCount);
    this.#own = ownNames(shape.layerCount);
  }

  /**
   * One forward pass; a second one before it where a context of the batch is not kept.
   *
   * @throws {ApiError} `session_failed`; the network stays usable.
   */
  async predict(batch: CanvasBatch): Promise<BatchAnswer> {
    this.#recomputedColumns = 0;
    const outputs =
      batch.context === undefined
        ? await this.#feedWhole(batch, batch.contextRows ?? new Int32Array(0))
        : await this.#feedSpans(batch, batch.context);
    const recomputedColumns = this.#recomputedColumns;
    return { ...readAnswer(outputs, batch), ...(recomputedColumns > 0 && { recomputedColumns }) };
  }

  async #feedWhole(batch: CanvasBatch, contextRows: Int32Array): Promise<OutputTensors> {
    const inputs = {
      ...this.#keptInputs(batch.rowCount, 0, () => new Float32Array(0)),
      ...toInputs(batch, new Int32Array(batch.rowCount), batch.attended),
    };
    const ownNeeded = contextRows.length > 0 ? this.#own : [];
    const outputs = await this.#session.run(inputs, [
      ...answerNames(batch),
      ...ownNeeded.flatMap(({ keys, values }) => [keys, values]),
    ]);
    for (const row of contextRows) {
      this.#store.put(keyOfRow(batch, row), this.#readOwn(outputs, batch.rowCount, row));
    }
    return outputs;
  }

  async #feedSpans(batch: CanvasBatch, context: BatchContext): Promise<OutputTensors> {
    const { rowCount } = batch;
    const { length, firstColumns } = context;
    const part = { length, firstColumns, spanLength: batch.length };
    const contexts = await this.#findContexts(wholeRows(rowCount, context));
    const { joined, attended } = this.#join(contexts, part, context.attended);
    const inputs = {
      ...this.#keptInputs(
        rowCount,
        length - batch.length,
        (layer, kind) => joined[kind][layer] ?? new Float32Array(0),
      ),
      ...toInputs(batch, wholeFirstColumns(context), joinAttended(batch, attended)),
    };
    return await this.#session.run(inputs, answerNames(batch));
  }

  /** Keys and values of all rows as one batch; the same rows come at every step of their blocks. */
  #join(contexts: readonly KeyValues[], part: ContextPart, attended: Uint8Array): Join {
    const last = this.#lastJoin;
    if (last !== null && isSameJoin(last, contexts, part)) return last;
    const join = (kind: keyof KeyValues) =>
      this.#own.map((_, layer) => {
        const rows = contexts.map((kept) => kept[kind][layer] ?? new Float32Array(0));
        return joinRows(rows, this.#shape.kvSize, part, (size) => new Float32Array(size));
      });
    const attendedRows = contexts.map((_, row) => sliceRow(attended, part.length, row));
    this.#lastJoin = {
      contexts,
      part,
      joined: { keys: join("keys"), values: join("values") },
      attended: joinRows(attendedRows, 1, part, (size) => new Uint8Array(size)),
    };
    return this.#lastJoin;
  }

  /** Keys and values of every row, computed where they are not kept. */
  async #findContexts(rows: readonly WholeRow[]): Promise<KeyValues[]> {
    const found = new Map<string, KeyValues>();
    const missing = new Map<string, WholeRow>();
    const keys = rows.map(({ tokenIds, attended }) => contextKey(tokenIds, attended));
    for (const [index, key] of keys.entries()) {
      const kept = this.#store.get(key);
      const row = rows[index];
      if (kept !== undefined) found.set(key, kept);
      else if (row !== undefined) missing.set(key, row);
    }
    // Each at the length of its first pass: the last bits follow from that.
    const byLength = Map.groupBy(missing, ([, { tokenIds }]) => tokenIds.length);
    for (const [length, entries] of byLength) {
      for (const [key, kept] of await this.#computeContexts(length, entries)) found.set(key, kept);
    }
    return keys.map((key) => found.get(key) ?? { keys: [], values: [] });
  }

  async #computeContexts(
    length: number,
    missing: readonly (readonly [string, WholeRow])[],
  ): Promise<[string, KeyValues][]> {
    const batch: CanvasBatch = {
      rowCount: missing.length,
      length,
      tokenIds: Int32Array.from(missing.flatMap(([, { tokenIds }]) => [...tokenIds])),
      attended: Uint8Array.from(missing.flatMap(([, { attended }]) => [...attended])),
      // The graph's last layer needs one candidate to work on.
      candidateIndexes: Int32Array.of(0),
    };
    this.#recomputedColumns += batch.rowCount * length;
    const outputs = await this.#session.run(
      {
        ...this.#keptInputs(batch.rowCount, 0, () => new Float32Array(0)),
        ...toInputs(batch, new Int32Array(batch.rowCount), batch.attended),
      },
      this.#own.flatMap(({ keys, values }) => [keys, values]),
    );
    return missing.map(([key], index) => {
      const kept = this.#readOwn(outputs, batch.rowCount, index);
      this.#store.put(key, kept);
      return [key, kept];
    });
  }

  #keptInputs(
    rowCount: number,
    length: number,
    read: (layer: number, kind: keyof KeyValues) => Float32Array,
  ): Record<string, InputTensor> {
    const shape = [rowCount, length, this.#shape.kvSize];
    const inputs: Record<string, InputTensor> = {};
    for (const [layer, names] of this.#kept.entries()) {
      for (const kind of ["keys", "values"] as const) {
        inputs[names[kind]] = { type: "float32", shape, data: read(layer, kind) };
      }
    }
    return inputs;
  }

  /** One row's part of the outputs; a copy where it shares them with others, so that each can leave alone. */
  #readOwn(outputs: OutputTensors, rowCount: number, row: number): KeyValues {
    const read = (name: string) => {
      const data = readOutput(outputs, name);
      return rowCount === 1 ? data : sliceRow(data, data.length / rowCount, row);
    };
    return {
      keys: this.#own.map(({ keys }) => read(keys)),
      values: this.#own.map(({ values }) => read(values)),
    };
  }
}

function toInputs(
  batch: CanvasBatch,
  firstColumns: Int32Array,
  attended: Uint8Array,
): Record<string, InputTensor> {
  const { rowCount, length, tokenIds, candidateIndexes, choices } = batch;
  const list = (data: Int32Array): InputTensor => ({ type: "int32", shape: [data.length], data });
  return {
    [GRAPH_NAMES.tokenIds]: { type: "int32", shape: [rowCount, length], data: tokenIds },
    [GRAPH_NAMES.firstColumns]: list(firstColumns),
    [GRAPH_NAMES.attended]: {
      type: "bool",
      shape: [rowCount, attended.length / rowCount],
      data: attended,
    },
    [GRAPH_NAMES.candidateIndexes]: list(candidateIndexes),
    [GRAPH_NAMES.logitRows]: list(atLeastOne(logitRows(batch))),
    [CHOICE_NAMES.choiceRows]: list(atLeastOne(choices?.candidateRows)),
    [CHOICE_NAMES.namedTokenIds]: list(atLeastOne(choices?.namedTokenIds)),
  };
}

/** The runtime ends the process, by a division by zero, where an operator gets no rows. */
function atLeastOne(indexes: Int32Array = new Int32Array(0)): Int32Array {
  return indexes.length > 0 ? indexes : Int32Array.of(0);
}

/** Candidates whose logits are wanted: all that are not answered with choices. */
function logitRows({ candidateIndexes, choices }: CanvasBatch): Int32Array {
  const all = Int32Array.from(candidateIndexes.keys());
  if (choices === undefined) return all;
  const chosen = new Set(choices.candidateRows);
  return all.filter((row) => !chosen.has(row));
}

/** Only the outputs that the batch asks for leave the runtime. */
function answerNames({ choices, candidateIndexes }: CanvasBatch): string[] {
  const { rankedIds, rankedLogits, namedLogits, restLargest, restShare } = CHOICE_NAMES;
  const ofChoices = [rankedIds, rankedLogits, namedLogits, restLargest, restShare];
  const choiceCount = choices?.candidateRows.length ?? 0;
  return [
    ...(choiceCount < candidateIndexes.length ? [GRAPH_NAMES.logits] : []),
    ...(choiceCount > 0 ? ofChoices : []),
  ];
}

function readAnswer(outputs: OutputTensors, { choices }: CanvasBatch): BatchAnswer {
  const logits = readOutput(outputs, GRAPH_NAMES.logits);
  if (choices === undefined) return { logits, choices: null };
  const rankedLogits = readOutput(outputs, CHOICE_NAMES.rankedLogits);
  const restLargest = readOutput(outputs, CHOICE_NAMES.restLargest);
  const restShares = readOutput(outputs, CHOICE_NAMES.restShare);
  const count = choices.candidateRows.length;
  return {
    logits,
    choices: {
      rankedIds: Int32Array.from(readOutput(outputs, CHOICE_NAMES.rankedIds)),
      rankedLogits,
      rankedCount: count === 0 ? 0 : rankedLogits.length / count,
      namedLogits: readOutput(outputs, CHOICE_NAMES.namedLogits),
      namedCount: choices.namedTokenIds.length,
      // The largest logit's share is e^largest over the sum.
      restLogSums: Float64Array.from(
        restLargest,
        (largest, i) => largest - Math.log(restShares[i] ?? Number.NaN),
      ),
    },
  };
}

/** Tells whether `last` is what would come of joining: a context stands for its row's padding, too. */
function isSameJoin(last: Join, contexts: readonly KeyValues[], part: ContextPart): boolean {
  return (
    last.part.length === part.length &&
    last.part.spanLength === part.spanLength &&
    last.contexts.length === contexts.length &&
    last.contexts.every((kept, row) => kept === contexts[row]) &&
    last.part.firstColumns.every((column, row) => column === part.firstColumns[row])
  );
}

/** `[rowCount, kept + span]`: the kept columns, then the span's. */
function joinAttended({ rowCount, length, attended }: CanvasBatch, kept: Uint8Array): Uint8Array {
  const keptLength = kept.length / rowCount;
  const joined = new Uint8Array(kept.length + attended.length);
  for (let row = 0; row < rowCount; row += 1) {
    const start = row * (keptLength + length);
    joined.set(sliceRow(kept, keptLength, row), start);
    joined.set(sliceRow(attended, length, row), start + keptLength);
  }
  return joined;
}

function keyOfRow({ tokenIds, attended, length }: CanvasBatch, row: number): string {
  return contextKey(sliceRow(tokenIds, length, row), sliceRow(attended, length, row));
}

function sliceRow<Values extends Int32Array | Uint8Array | Float32Array>(
  values: Values,
  length: number,
  row: number,
): Values {
  return values.slice(row * length, (row + 1) * length) as Values;
}

function readOutput(outputs: OutputTensors, name: string): Float32Array {
  return outputs[name] ?? new Float32Array(0);
}
