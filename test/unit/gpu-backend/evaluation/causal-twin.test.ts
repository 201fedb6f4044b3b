import { describe, it } from "vitest";
import type { CanvasBatch } from "../../../../gpu-backend/canvas/canvas-batch.ts";
import { continueGreedily, logLikelihoods } from "../../../../gpu-backend/evaluation/twin.ts";
import type { MaskPredictor } from "../../../../gpu-backend/model-runner/mask-predictor.ts";

const VOCABULARY = 8;

/** After id n comes n + 1, with probability e² : 1 against each other id. */
const counting: MaskPredictor = {
  logitCount: VOCABULARY,
  maxLength: 64,
  predict: async ({ tokenIds, candidateIndexes }: CanvasBatch) => {
    const logits = new Float32Array(candidateIndexes.length * VOCABULARY);
    for (const [row, index] of candidateIndexes.entries()) {
      logits[row * VOCABULARY + (((tokenIds[index] ?? 0) + 1) % VOCABULARY)] = 2;
    }
    return { logits, choices: null };
  },
  close: async () => undefined,
};

describe("the autoregressive twin", () => {
  it("goes on from its own last token, up to the length or an end token", async ({ expect }) => {
    const orders = [
      { promptTokenIds: [1, 2], maxTokens: 3 },
      { promptTokenIds: [4], maxTokens: 5 },
    ];
    const done: number[] = [];
    const answers = await continueGreedily(counting, orders, new Set([7]), (count) =>
      done.push(count),
    );
    expect(answers).toEqual([
      [3, 4, 5],
      [5, 6],
    ]);
    expect(done).toEqual([2]);
  });

  it("adds the log-probabilities of an answer's tokens, each given those before it", async ({
    expect,
  }) => {
    const right = 2 - Math.log(Math.exp(2) + VOCABULARY - 1);
    const wrong = right - 2;
    const texts = [
      { promptTokenIds: [0], answerTokenIds: [1, 2, 3] },
      { promptTokenIds: [5, 0], answerTokenIds: [1, 5] },
    ];
    const [first, second] = await logLikelihoods(counting, texts);
    expect(first).toBeCloseTo(3 * right, 5);
    expect(second).toBeCloseTo(right + wrong, 5);
  });

  it("refuses an answer that nothing stands before", async ({ expect }) => {
    const texts = [{ promptTokenIds: [], answerTokenIds: [1] }];
    await expect(logLikelihoods(counting, texts)).rejects.toMatchObject({ code: "empty_prompt" });
  });
});
