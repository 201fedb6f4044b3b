/**
 * A mask predictor without a network, for tests of everything above the port.
 *
 * Contract: a row's logits are a function of its own attended tokens and of a column's position among
 * them, never of padding, of the batch's length or of other rows, as the real network's are. Of a span
 * they are a function of its context's tokens, too.
 */
import type { BatchAnswer, CandidateChoices } from "../../gpu-backend/canvas/candidate-choices.ts";
import type { CanvasBatch } from "../../gpu-backend/canvas/canvas-batch.ts";
import type { MaskPredictor } from "../../gpu-backend/model-runner/mask-predictor.ts";

/** Ids that choices rank, as the real network does. */
const RANKED_COUNT = 3;

/** The logits of one column: `[logitCount]`. */
export type FakeLogits = (
  tokenIds: readonly number[],
  position: number,
  logitCount: number,
) => ArrayLike<number>;

export interface FakeMaskPredictor extends MaskPredictor {
  /** Every batch that was fed, in order. */
  readonly batches: readonly CanvasBatch[];
  /** Rows fed over all calls. */
  readonly rowCount: number;
}

export interface FakeMaskPredictorOptions {
  readonly logitCount?: number;
  readonly maxLength?: number;
  /** {@link hashedLogits} when left out. */
  readonly logits?: FakeLogits;
}

/**
 * Logits in [−4, 4) that look random and hang on every attended token of the row: a change anywhere
 * changes all of them.
 */
export function hashedLogits(
  tokenIds: readonly number[],
  position: number,
  logitCount: number,
): number[] {
  let state = Math.imul(position + 1, 0x9e3779b1) >>> 0;
  for (const id of tokenIds) state = mix(state ^ id);
  return Array.from({ length: logitCount }, (_, id) => (mix(state + id) / 2 ** 32) * 8 - 4);
}

/** Logits whose largest is, for every column, the token that `text` holds at the column's position. */
export function spellingLogits(text: (position: number) => number): FakeLogits {
  return (_tokenIds, position, logitCount) =>
    Array.from({ length: logitCount }, (_, id) =>
      id === text(position) ? 10 - position / 100 : 0,
    );
}

/** Creates a predictor that computes `logits` for every wanted column. */
export function createFakeMaskPredictor(options: FakeMaskPredictorOptions = {}): FakeMaskPredictor {
  const { logitCount = 32, maxLength = 512, logits = hashedLogits } = options;
  const batches: CanvasBatch[] = [];
  let rowCount = 0;
  return {
    logitCount,
    maxLength,
    batches,
    get rowCount() {
      return rowCount;
    },
    predict(batch) {
      batches.push(batch);
      rowCount += batch.rowCount;
      return Promise.resolve(predictBatch(batch, logitCount, logits));
    },
    close: () => Promise.resolve(),
  };
}

function predictBatch(batch: CanvasBatch, logitCount: number, logits: FakeLogits): BatchAnswer {
  const all = predictLogits(batch, logitCount, logits);
  const rowOf = (index: number) => all.subarray(index * logitCount, (index + 1) * logitCount);
  const { choices } = batch;
  if (choices === undefined) return { logits: all, choices: null };
  const chosen = new Set(choices.candidateRows);
  const indexes = [...batch.candidateIndexes.keys()];
  const wanted = indexes
    .filter((index) => !chosen.has(index))
    .flatMap((index) => [...rowOf(index)]);
  return {
    logits: Float32Array.from(wanted),
    choices: chooseFrom([...chosen].map(rowOf), choices.namedTokenIds),
  };
}

/** The choices that logits hold, one vector a candidate. */
export function chooseFrom(
  rows: readonly Float32Array[],
  namedTokenIds: Int32Array,
): CandidateChoices {
  const named = new Set(namedTokenIds);
  const ranked = rows.map((logits) =>
    [...logits.keys()]
      .sort((a, b) => (logits[b] ?? 0) - (logits[a] ?? 0) || a - b)
      .slice(0, RANKED_COUNT),
  );
  const read = (ids: readonly number[], row: number) => ids.map((id) => rows[row]?.[id] ?? 0);
  return {
    rankedIds: Int32Array.from(ranked.flat()),
    rankedLogits: Float32Array.from(ranked.flatMap(read)),
    rankedCount: RANKED_COUNT,
    namedLogits: Float32Array.from(rows.flatMap((_, row) => read([...named], row))),
    namedCount: named.size,
    restLogSums: Float64Array.from(rows, (logits) =>
      Math.log(logits.reduce((sum, logit, id) => sum + (named.has(id) ? 0 : Math.exp(logit)), 0)),
    ),
  };
}

function predictLogits(batch: CanvasBatch, logitCount: number, logits: FakeLogits): Float32Array {
  const result = new Float32Array(batch.candidateIndexes.length * logitCount);
  for (const [index, flat] of batch.candidateIndexes.entries()) {
    const row = Math.floor(flat / batch.length);
    const { tokenIds, position } = readRow(batch, row, flat - row * batch.length);
    result.set(logits(tokenIds, position, logitCount), index * logitCount);
  }
  return result;
}

/** The attended tokens of a row, a span's after those of its context, and where `column` lies in the row. */
function readRow(
  batch: CanvasBatch,
  row: number,
  column: number,
): { tokenIds: number[]; position: number } {
  const whole = batch.context ?? batch;
  const columns = attendedColumns(whole, row);
  const tokenIds = columns.map((at) => whole.tokenIds[row * whole.length + at] ?? 0);
  if (batch.context === undefined) return { tokenIds, position: columns.indexOf(column) };
  const own = batch.tokenIds.subarray(row * batch.length, (row + 1) * batch.length);
  const first = batch.context.firstColumns[row] ?? 0;
  return { tokenIds: [...tokenIds, ...own], position: columns.indexOf(first + column) };
}

function attendedColumns(
  { length, attended }: Pick<CanvasBatch, "length" | "attended">,
  row: number,
): number[] {
  return Array.from({ length }, (_, column) => column).filter(
    (column) => attended[row * length + column] === 1,
  );
}

/** A bijection of 32-bit words that spreads every bit (Wellons' lowbias32). */
function mix(word: number): number {
  let value = word >>> 0;
  value = Math.imul(value ^ (value >>> 16), 0x21f0aaad) >>> 0;
  value = Math.imul(value ^ (value >>> 15), 0x735a2d97) >>> 0;
  return (value ^ (value >>> 15)) >>> 0;
}
