import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, it } from "vitest";
import {
  type PredictorRow,
  packRows,
  splitAnswer,
} from "../../../../gpu-backend/canvas/canvas-batch.ts";
import { type Checkpoint, readCheckpoint } from "../../../../gpu-backend/model/checkpoint.ts";
import { createMaskPredictor } from "../../../../gpu-backend/model-runner/create-mask-predictor.ts";
import type { MaskPredictor } from "../../../../gpu-backend/model-runner/mask-predictor.ts";
import { createRandom, writeCheckpoint } from "../../../support/write-checkpoint.ts";

const LENGTH = 96;
const folder = mkdtempSync(join(tmpdir(), "threads-"));
let checkpoint: Checkpoint;
const opened: MaskPredictor[] = [];

beforeAll(async () => {
  // Wide enough that the runtime shares an operator's work out among its threads.
  writeCheckpoint(folder, {
    config: {
      d_model: 128,
      mlp_hidden_size: 320,
      embedding_size: 1000,
      vocab_size: 1000,
      max_sequence_length: LENGTH,
    },
  });
  checkpoint = await readCheckpoint(folder);
});
afterAll(async () => {
  await Promise.all(opened.map((predictor) => predictor.close()));
  rmSync(folder, { recursive: true });
});

async function open(intraOpThreads: number, sideSessionCount = 0): Promise<MaskPredictor> {
  const options = { executionProvider: "cpu", intraOpThreads } as const;
  const predictor = await createMaskPredictor(checkpoint, options, { sideSessionCount });
  opened.push(predictor);
  return predictor;
}

const random = createRandom(7);
const rows: PredictorRow[] = [90, 70, 96].map((length, index) => ({
  tokenIds: Int32Array.from({ length }, () => Math.floor(random() * 1000)),
  attended: null,
  candidateColumns: Int32Array.from({ length: 16 }, (_, i) => length - 16 + i),
  ...(index === 1 ? {} : { namedTokenIds: Int32Array.of(1, 2) }),
}));
const spans = rows.map((row) => {
  const end = row.tokenIds.length;
  const span = { start: end - 16, end, contextTokenIds: row.tokenIds.toReversed() };
  return { ...row, span };
});

describe("a forward pass", () => {
  it("gives the same bits on any number of threads", async ({ expect }) => {
    const predictors = await Promise.all([1, 2, 3].map((count) => open(count)));
    for (const given of [rows, spans, rows.slice(0, 1), spans.slice(0, 1)]) {
      const batch = packRows(given, LENGTH);
      const [one, ...others] = await Promise.all(
        predictors.map(async (predictor) => {
          return splitAnswer(given, await predictor.predict(batch), predictor.logitCount);
        }),
      );
      for (const other of others) expect(other).toEqual(one);
    }
  });

  it("gives the same bits in every session, whichever has the context", async ({ expect }) => {
    const predictor = await open(2, 2);
    expect(predictor.sideLaneCount).toBe(2);
    for (const given of [rows, spans]) {
      const batch = packRows(given, LENGTH);
      const answers = [0, 1, 2, 2, 0].map(async (lane) => {
        return splitAnswer(given, await predictor.predict(batch, lane), predictor.logitCount);
      });
      const [first, ...others] = await Promise.all(answers);
      for (const other of others) expect(other).toEqual(first);
    }
    await expect(predictor.predict(packRows(rows, LENGTH), 3)).rejects.toThrow(RangeError);
  });
});
