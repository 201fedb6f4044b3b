/** Choices on the real network: rows of either kind share a pass and keep to themselves. */
import { afterAll, describe, it } from "vitest";
import type { RowAnswer } from "../../../../gpu-backend/canvas/candidate-choices.ts";
import {
  type PredictorRow,
  packRows,
  splitAnswer,
} from "../../../../gpu-backend/canvas/canvas-batch.ts";
import type { MaskPredictor } from "../../../../gpu-backend/model-runner/mask-predictor.ts";
import { createRandom } from "../../../support/write-checkpoint.ts";
import { GoldenPredictors } from "../golden-predictor.ts";

const NAMED = Int32Array.of(258, 256, 257);
const predictors = new GoldenPredictors();
afterAll(() => predictors.closeAll());

function row(seed: number, columns: readonly number[], asksForChoices: boolean): PredictorRow {
  const random = createRandom(seed);
  return {
    tokenIds: Int32Array.from({ length: 20 }, () => Math.floor(random() * 256)),
    attended: null,
    candidateColumns: Int32Array.from(columns),
    ...(asksForChoices ? { namedTokenIds: NAMED } : {}),
  };
}

async function predict(predictor: MaskPredictor, rows: PredictorRow[]): Promise<RowAnswer[]> {
  return splitAnswer(rows, await predictor.predict(packRows(rows, 32)), predictor.logitCount);
}

describe("rows that ask for choices", () => {
  it("get the same bits alone and beside rows of either kind", async ({ expect }) => {
    const predictor = await predictors.get("tiny-f32");
    const rows = [
      row(1, [3, 7], true),
      row(2, [0], false),
      row(3, [], true),
      row(4, [5, 6, 19], true),
      row(5, [], false),
      row(6, [1, 2], false),
    ];
    const together = await predict(predictor, rows);
    for (const [index, each] of rows.entries()) {
      if (each.candidateColumns.length === 0) continue;
      expect(together[index]).toEqual((await predict(predictor, [each]))[0]);
    }
  });

  it("get the likeliest ids and the sums of their logits", async ({ expect }) => {
    const predictor = await predictors.get("tiny-f32");
    const [choices, logits] = await predict(predictor, [row(9, [4], true), row(9, [4], false)]);
    if (choices instanceof Float32Array || !(logits instanceof Float32Array)) {
      throw new Error("answers of another kind");
    }
    const ids = [...logits.keys()].sort((a, b) => (logits[b] ?? 0) - (logits[a] ?? 0));
    expect([...(choices?.rankedIds ?? [])]).toEqual(ids.slice(0, 3));
    expect(choices?.namedLogits).toEqual(Float32Array.from(NAMED, (id) => logits[id] ?? 0));
    const sum = logits.reduce((s, logit, id) => s + (NAMED.includes(id) ? 0 : Math.exp(logit)), 0);
    expect(choices?.restLogSums[0]).toBeCloseTo(Math.log(sum), 5);
  });

  it("are answered where no row of the batch has a candidate of their kind", async ({ expect }) => {
    const predictor = await predictors.get("tiny-f32");
    const [none, logits] = await predict(predictor, [row(1, [], true), row(2, [3], false)]);
    expect(none).toMatchObject({ restLogSums: new Float64Array(0) });
    expect(logits).toHaveLength(predictor.logitCount);
  });
});
