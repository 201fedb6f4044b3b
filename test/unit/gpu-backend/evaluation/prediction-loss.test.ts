import { describe, it } from "vitest";
import { PredictionLossMeter } from "../../../../gpu-backend/evaluation/prediction-loss.ts";

function measure(reference: number[], logits: number[], hiddenIds: number[]) {
  const meter = new PredictionLossMeter();
  meter.take(Float32Array.from(reference), Float32Array.from(logits), Int32Array.from(hiddenIds));
  return meter.result;
}

describe("the prediction loss", () => {
  it("is nothing between a network and itself", ({ expect }) => {
    const logits = [1, 2, 3, 0.5, -4, 100];
    expect(measure(logits, logits, [0, 2])).toMatchObject({
      positions: 2,
      argmaxAgreement: 1,
      meanDivergence: 0,
      relativeRms: 0,
    });
  });

  it("is what the definitions give", ({ expect }) => {
    // Probabilities 3/4, 1/4 against 1/4, 3/4.
    const loss = measure([Math.log(3), 0], [0, Math.log(3)], [0]);
    expect(loss.argmaxAgreement).toBe(0);
    expect(loss.meanDivergence).toBeCloseTo(0.5 * Math.log(3), 6);
    expect(loss.referenceCrossEntropy).toBeCloseTo(-Math.log(0.75), 6);
    expect(loss.crossEntropy).toBeCloseTo(-Math.log(0.25), 6);
    expect(loss.relativeRms).toBeCloseTo(Math.SQRT2, 6);
  });

  it("ignores a constant added to all logits, but for the difference of logits", ({ expect }) => {
    const loss = measure([1, 2, 3], [11, 12, 13], [1]);
    expect(loss.meanDivergence).toBeCloseTo(0, 6);
    expect(loss.crossEntropy).toBeCloseTo(loss.referenceCrossEntropy, 6);
    expect(loss.relativeRms).toBeGreaterThan(1);
  });

  it("is a mean over positions, however they are handed over", ({ expect }) => {
    const meter = new PredictionLossMeter();
    meter.take(Float32Array.of(1, 0), Float32Array.of(0, 1), Int32Array.of(0));
    meter.take(Float32Array.of(2, 0), Float32Array.of(2, 1), Int32Array.of(1));
    expect(meter.result).toEqual(measure([1, 0, 2, 0], [0, 1, 2, 1], [0, 1]));
  });
});
