import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, it } from "vitest";
import type { CanvasBatch } from "../../../gpu-backend/canvas/canvas-batch.ts";
import { readCheckpoint } from "../../../gpu-backend/model/checkpoint.ts";
import { createMaskPredictor } from "../../../gpu-backend/model-runner/create-mask-predictor.ts";
import type { MaskPredictor } from "../../../gpu-backend/model-runner/mask-predictor.ts";

interface GoldenCase {
  readonly name: string;
  readonly model: string;
  readonly input_ids: number[][];
  readonly attention_mask: number[][] | null;
  readonly positions: [number, number][];
  readonly logits: number[][];
  readonly argmax: number[];
}

const GOLDEN = new URL("../../golden/", import.meta.url);
const TOLERANCE = 1e-4;

const { cases } = JSON.parse(readFileSync(new URL("logits.json", GOLDEN), "utf8")) as {
  cases: GoldenCase[];
};

function toBatch(golden: GoldenCase): CanvasBatch {
  const rowCount = golden.input_ids.length;
  const length = golden.input_ids[0]?.length ?? 0;
  const mask = golden.attention_mask?.flat() ?? Array(rowCount * length).fill(1);
  return {
    rowCount,
    length,
    tokenIds: Int32Array.from(golden.input_ids.flat()),
    attended: Uint8Array.from(mask),
    candidateIndexes: Int32Array.from(golden.positions, ([row, column]) => row * length + column),
  };
}

function largestMagnitude(values: Iterable<number>): number {
  let largest = 0;
  for (const value of values) {
    largest = Math.max(largest, Math.abs(value));
  }
  return largest;
}

describe.each([...new Set(cases.map((golden) => golden.model))])(
  "published logits, %s",
  (model) => {
    let predictor: MaskPredictor;

    beforeAll(async () => {
      const checkpoint = await readCheckpoint(new URL(model, GOLDEN).pathname);
      predictor = await createMaskPredictor(checkpoint, {
        executionProvider: "cpu",
        intraOpThreads: 1,
      });
    });
    afterAll(() => predictor.close());

    const ours = cases.filter((golden) => golden.model === model);

    it.for(ours)("gives the published logits and argmax: $name", async (golden, { expect }) => {
      const { logits } = await predictor.predict(toBatch(golden));
      expect(logits.length).toBe(golden.positions.length * predictor.logitCount);
      for (const [i, wanted] of golden.logits.entries()) {
        const found = logits.subarray(i * predictor.logitCount, (i + 1) * predictor.logitCount);
        const differences = wanted.map((value, column) => value - (found[column] ?? Number.NaN));
        expect(largestMagnitude(differences)).toBeLessThanOrEqual(
          TOLERANCE * largestMagnitude(wanted),
        );
        expect(found.indexOf(Math.max(...found))).toBe(golden.argmax[i]);
      }
    });
  },
);
