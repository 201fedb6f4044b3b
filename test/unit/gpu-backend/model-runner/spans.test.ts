/** Spans of rows on the real network: what they answer follows from ids alone. */
import { join } from "node:path";
import { afterAll, describe, it } from "vitest";
import { takeLogits } from "../../../../gpu-backend/canvas/candidate-choices.ts";
import {
  type PredictorRow,
  packRows,
  splitAnswer,
} from "../../../../gpu-backend/canvas/canvas-batch.ts";
import { readCheckpoint } from "../../../../gpu-backend/model/checkpoint.ts";
import { createMaskPredictor } from "../../../../gpu-backend/model-runner/create-mask-predictor.ts";
import type { MaskPredictor } from "../../../../gpu-backend/model-runner/mask-predictor.ts";
import { createRandom } from "../../../support/write-checkpoint.ts";
import { GOLDEN_DIRECTORY } from "../golden-predictor.ts";

const LENGTH = 32;
const AMPLE = 1 << 24;
/** Logits of these networks reach 20. */
const TOLERANCE = 1e-4;
const opened: MaskPredictor[] = [];
afterAll(() => Promise.all(opened.map((predictor) => predictor.close())));

async function open(model: string, maxContextBytes = AMPLE): Promise<MaskPredictor> {
  const checkpoint = await readCheckpoint(join(GOLDEN_DIRECTORY, model));
  const options = { executionProvider: "cpu", intraOpThreads: 1 } as const;
  const predictor = await createMaskPredictor(checkpoint, options, { maxContextBytes });
  opened.push(predictor);
  return predictor;
}

function randomIds(length: number, seed: number): Int32Array {
  const random = createRandom(seed);
  return Int32Array.from({ length }, () => Math.floor(random() * 100));
}

function columns(start: number, end: number): Int32Array {
  return Int32Array.from({ length: end - start }, (_, i) => start + i);
}

function wholeRow(tokenIds: Int32Array, attended: Uint8Array | null = null): PredictorRow {
  const candidateColumns = columns(tokenIds.length - 8, tokenIds.length - 4);
  return { tokenIds, attended, candidateColumns, isContext: true };
}

/** Four columns of `row` fed again with other ids. */
function changedSpan(row: PredictorRow, seed: number): PredictorRow {
  const [start, end] = [row.tokenIds.length - 8, row.tokenIds.length - 4];
  const tokenIds = row.tokenIds.slice();
  tokenIds.set(randomIds(end - start, seed), start);
  const { attended, candidateColumns } = row;
  return {
    tokenIds,
    attended,
    candidateColumns,
    span: { start, end, contextTokenIds: row.tokenIds },
  };
}

async function predict(predictor: MaskPredictor, rows: PredictorRow[]): Promise<Float32Array[]> {
  const answer = await predictor.predict(packRows(rows, LENGTH));
  return takeLogits(splitAnswer(rows, answer, predictor.logitCount));
}

describe("spans", () => {
  it.for(["tiny-f32", "tiny-gqa", "tiny-bf16-sharded"])(
    "answer what the whole row answers where nothing has changed: %s",
    async (model, { expect }) => {
      const predictor = await open(model);
      const padded = Uint8Array.from({ length: 20 }, (_, i) => Number(i > 3));
      for (const row of [wholeRow(randomIds(20, 1)), wholeRow(randomIds(20, 2), padded)]) {
        const [whole] = await predict(predictor, [row]);
        const span = { start: 12, end: 16, contextTokenIds: row.tokenIds };
        for (const wholeLength of [LENGTH, 24, 40]) {
          const batch = packRows([{ ...row, span }], LENGTH, [wholeLength]);
          const { logits: part } = await predictor.predict(batch);
          const distances = whole?.map((logit, i) => Math.abs(logit - (part[i] ?? Number.NaN)));
          expect(Math.max(...(distances ?? [Number.NaN]))).toBeLessThan(TOLERANCE);
        }
      }
    },
  );

  it("answer the same alone and beside others, padded or not", async ({ expect }) => {
    const predictor = await open("tiny-f32");
    const rows = [20, 32, 9, 20].map((length, seed) => wholeRow(randomIds(length, seed)));
    await predict(predictor, rows);
    const spans = rows.map((row, seed) => changedSpan(row, seed + 50));
    const together = await predict(predictor, spans);
    for (const [i, span] of spans.entries()) {
      expect(together[i]).toEqual((await predict(predictor, [span]))[0]);
    }
  });

  it("answer the same whether their context was kept, lost or never fed", async ({ expect }) => {
    const rows = [20, 31, 24].map((length, seed) => wholeRow(randomIds(length, seed)));
    const spans = rows.map((row, seed) => changedSpan(row, seed + 50));
    const keeping = await open("tiny-f32");
    await predict(keeping, rows);
    const kept = await predict(keeping, spans);
    const rowBytes = 3 * 2 * LENGTH * 64 * Float32Array.BYTES_PER_ELEMENT;
    for (const maxContextBytes of [0, rowBytes, 2 * rowBytes]) {
      const forgetting = await open("tiny-f32", maxContextBytes);
      expect(await predict(forgetting, spans)).toEqual(kept);
      await predict(forgetting, rows);
      expect(await predict(forgetting, spans)).toEqual(kept);
    }
  });

  it("tell which columns of their context were computed again", async ({ expect }) => {
    const predictor = await open("tiny-f32");
    const rows = [20, 31, 24].map((length, seed) => wholeRow(randomIds(length, seed)));
    const spans = rows.map((row, seed) => changedSpan(row, seed + 50));
    const recomputed = async (some: PredictorRow[]) =>
      (await predictor.predict(packRows(some, LENGTH))).recomputedColumns;
    await predict(predictor, rows.slice(0, 1));
    expect(await recomputed(spans)).toBe(2 * LENGTH);
    expect(await recomputed(spans)).toBeUndefined();
    expect(await recomputed(rows)).toBeUndefined();
  });

  it("answer the same in any company where their rows were fed at lengths of their own", async ({
    expect,
  }) => {
    const rows = [20, 31, 24, 9].map((length, seed) => wholeRow(randomIds(length, seed)));
    const lengths = rows.map(({ tokenIds }) => Math.ceil(tokenIds.length / 8) * 8);
    const spans = rows.map((row, seed) => changedSpan(row, seed + 50));
    const keeping = await open("tiny-f32");
    for (const [i, row] of rows.entries()) await keeping.predict(packRows([row], lengths[i] ?? 0));
    const feed = async (predictor: MaskPredictor, which: number[]) => {
      const chosen = which.flatMap((i) => spans[i] ?? []);
      const batch = packRows(
        chosen,
        LENGTH,
        which.map((i) => lengths[i] ?? 0),
      );
      return takeLogits(splitAnswer(chosen, await predictor.predict(batch), predictor.logitCount));
    };
    const together = await feed(keeping, [0, 1, 2, 3]);
    const forgetting = await open("tiny-f32", 0);
    expect(await feed(forgetting, [0, 1, 2, 3])).toEqual(together);
    for (const predictor of [keeping, forgetting]) {
      for (const i of [3, 1, 0, 2]) expect(await feed(predictor, [i])).toEqual([together[i]]);
      expect(await feed(predictor, [2, 0])).toEqual([together[2], together[0]]);
    }
  });

  it("do not see what their columns held in the context", async ({ expect }) => {
    const predictor = await open("tiny-f32");
    const row = wholeRow(randomIds(20, 1));
    const span = changedSpan(row, 2);
    const before = await predict(predictor, [span]);
    await predict(predictor, [wholeRow(span.tokenIds)]);
    expect(await predict(predictor, [span])).toEqual(before);
  });

  it("answer the same in any order of rows, step after step", async ({ expect }) => {
    const predictor = await open("tiny-gqa");
    const spans = [1, 2, 3].map((seed) => changedSpan(wholeRow(randomIds(24, seed)), seed + 50));
    const first = await predict(predictor, spans);
    expect(await predict(predictor, spans)).toEqual(first);
    expect(await predict(predictor, spans.toReversed())).toEqual(first.toReversed());
    expect(await predict(predictor, spans.slice(1))).toEqual(first.slice(1));
  });

  it("hang on their context", async ({ expect }) => {
    const predictor = await open("tiny-gqa");
    const rows = [1, 2].map((seed) => wholeRow(randomIds(24, seed)));
    const [first, second] = await predict(
      predictor,
      rows.map((row) => changedSpan(row, 7)),
    );
    expect(first).not.toEqual(second);
  });
});
