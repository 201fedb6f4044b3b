import fc from "fast-check";
import { describe, it } from "vitest";
import { takeLogits } from "../../../../gpu-backend/canvas/candidate-choices.ts";
import { predictRows } from "../../../../gpu-backend/commands/denoise-rows.ts";
import {
  type LikelihoodSettings,
  startLikelihood,
  startLikelihoodOf,
} from "../../../../gpu-backend/likelihood/estimate-likelihood.ts";
import type {
  Likelihood,
  LikelihoodEstimate,
  ScoredAnswer,
} from "../../../../gpu-backend/likelihood/likelihood-estimate.ts";
import { createFakeMaskPredictor, type FakeLogits } from "../../../support/fake-mask-predictor.ts";

const MASK = 15;
const LOGIT_COUNT = 16;

function answer(tokens: number[], guidanceScale = 0): ScoredAnswer {
  return { promptTokenIds: [1, 2], answerTokenIds: tokens, maskTokenId: MASK, guidanceScale };
}

async function run(
  estimate: LikelihoodEstimate,
  logits?: FakeLogits,
): Promise<{ result: Likelihood; rows: number }> {
  const predictor = createFakeMaskPredictor({
    logitCount: LOGIT_COUNT,
    ...(logits === undefined ? {} : { logits }),
  });
  while (!estimate.isFinished) {
    estimate.take(takeLogits(await predictRows(estimate.forwardRows(), predictor)), LOGIT_COUNT);
  }
  return { result: estimate.result, rows: predictor.rowCount };
}

const settings = (sampleCount: number, batchSize: number, seed = 0): LikelihoodSettings => ({
  sampleCount,
  batchSize,
  seed,
});

const tokens = fc.array(fc.nat(MASK - 1), { minLength: 1, maxLength: 12 });
const seeds = fc.nat(Number.MAX_SAFE_INTEGER);

describe("startLikelihood", () => {
  it("is exact, without error, where every token is equally likely whatever is hidden", async ({
    expect,
  }) => {
    const uniform: FakeLogits = (_ids, _position, count) => new Float32Array(count);
    await fc.assert(
      fc.asyncProperty(tokens, seeds, async (given, seed) => {
        const { result } = await run(startLikelihood(answer(given), settings(8, 4, seed)), uniform);
        expect(result.logLikelihood).toBeCloseTo(-given.length * Math.log(LOGIT_COUNT), 8);
        expect(result.standardError).toBeCloseTo(0, 8);
      }),
      { numRuns: 30 },
    );
  });

  it("hides 1 to all tokens of the answer in every row, and nothing else", ({ expect }) => {
    fc.assert(
      fc.property(tokens, seeds, fc.integer({ min: 1, max: 9 }), (given, seed, batchSize) => {
        const estimate = startLikelihood(answer(given), settings(batchSize, batchSize, seed));
        for (const { tokenIds, candidateColumns } of estimate.forwardRows()) {
          const restored = tokenIds.slice();
          for (const column of candidateColumns) restored[column] = given[column - 2] ?? -1;
          expect([...restored]).toEqual([1, 2, ...given]);
          expect(candidateColumns.length).toBeGreaterThan(0);
          expect([...candidateColumns].every((column) => tokenIds[column] === MASK)).toBe(true);
        }
      }),
    );
  });

  it("gives the same for a seed and another for another seed", async ({ expect }) => {
    const given = answer([3, 4, 5, 6, 7, 8, 9]);
    const first = await run(startLikelihood(given, settings(16, 4, 1)));
    const again = await run(startLikelihood(given, settings(16, 4, 1)));
    const other = await run(startLikelihood(given, settings(16, 4, 2)));
    expect(again).toEqual(first);
    expect(other.result.logLikelihood).not.toBe(first.result.logLikelihood);
    expect(first.result.samples).toBe(16);
  });

  it("states an error that its estimates keep to", async ({ expect }) => {
    const given = answer([3, 4, 5, 6, 7, 8, 9]);
    const results: Likelihood[] = [];
    for (let seed = 0; seed < 60; seed += 1) {
      results.push((await run(startLikelihood(given, settings(32, 4, seed)))).result);
    }
    const values = results.map(({ logLikelihood }) => logLikelihood);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const spread = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 59);
    const stated = results.reduce((sum, { standardError }) => sum + standardError, 0) / 60;
    expect(stated / spread).toBeGreaterThan(0.7);
    expect(stated / spread).toBeLessThan(1.4);
  });

  it("needs one row for one token, and twice as many with guidance", async ({ expect }) => {
    const single = await run(startLikelihood(answer([3]), settings(128, 16)));
    expect(single.rows).toBe(1);
    expect(single.result).toMatchObject({ samples: 1, standardError: 0 });
    expect((await run(startLikelihood(answer([3, 4], 1.5), settings(8, 4)))).rows).toBe(16);
  });

  it.for<[string, LikelihoodSettings]>([
    ["mc_num", settings(0, 1)],
    ["mc_num", settings(10, 4)],
    ["mc_num", settings(1.5, 1)],
    ["mc_num", settings(16_384, 1)],
    ["batch_size", settings(4, 0)],
  ])("refuses %s: %j", ([param, given], { expect }) => {
    expect(() => startLikelihood(answer([3, 4]), given)).toThrow(
      expect.objectContaining({ code: "invalid_parameter", param }),
    );
  });

  it("refuses a broken network's logits", ({ expect }) => {
    const estimate = startLikelihood(answer([3]), settings(1, 1));
    for (const logits of [
      [],
      [new Float32Array(3)],
      [new Float32Array(LOGIT_COUNT).fill(Number.NaN)],
    ]) {
      expect(() => estimate.take(logits, LOGIT_COUNT)).toThrow(
        expect.objectContaining({ code: "session_failed" }),
      );
    }
  });
});

describe("startLikelihoodOf", () => {
  it.for<[string, number[][][]]>([
    ["noisy_ids", []],
    ["noisy_ids", [[]]],
    ["noisy_ids.1", [[[1, 2, MASK, 4]], []]],
    ["noisy_ids.0.0", [[[1, 2, 3, 4]]]],
    ["noisy_ids.0.0", [[[1, 2, MASK]]]],
    [
      "noisy_ids.0.1.3",
      [
        [
          [1, 2, MASK, 4],
          [1, 2, MASK, 5],
        ],
      ],
    ],
    ["noisy_ids.0.0.0", [[[MASK, 2, MASK, 4]]]],
  ])("refuses %s: %j", ([param, batches], { expect }) => {
    expect(() => startLikelihoodOf(answer([3, 4]), batches)).toThrow(
      expect.objectContaining({ code: "invalid_parameter", param }),
    );
  });
});
