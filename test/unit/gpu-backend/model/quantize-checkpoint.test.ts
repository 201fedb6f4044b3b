import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, it } from "vitest";
import { maskWindows } from "../../../../gpu-backend/evaluation/masked-windows.ts";
import { PredictionLossMeter } from "../../../../gpu-backend/evaluation/prediction-loss.ts";
import { SAMPLE_TEXT } from "../../../../gpu-backend/evaluation/sample-text.ts";
import { type Checkpoint, readCheckpoint } from "../../../../gpu-backend/model/checkpoint.ts";
import { countQuantizedBytes } from "../../../../gpu-backend/model/quantize-checkpoint.ts";
import { loadTokenizer } from "../../../../gpu-backend/model/tokenizer.ts";
import { createMaskPredictor } from "../../../../gpu-backend/model-runner/create-mask-predictor.ts";
import { quantizeFolder } from "../../../support/quantize-folder.ts";
import { type CheckpointOptions, writeCheckpoint } from "../../../support/write-checkpoint.ts";

const EMBEDDED = new URL("../../../../gpu-backend/model/default", import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), "quantize-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** The bytes of a tensor. */
function readTensor({ table }: Checkpoint, name: string): Buffer {
  const tensor = table.tensors.get(name);
  if (tensor === undefined) throw new Error(`There is no ${name}.`);
  const file = readFileSync(join(table.folder, tensor.location));
  return file.subarray(tensor.byteOffset, tensor.byteOffset + tensor.byteLength);
}

describe("quantizeCheckpoint", () => {
  it.for<[string, CheckpointOptions]>([
    ["one file", {}],
    ["three shards", { shardCount: 3, type: "BF16" }],
    ["tied weights", { config: { weight_tying: true } }],
  ])("copies what is not quantised byte for byte: %s", async ([name, options], { expect }) => {
    const from = join(folder, name.replace(" ", "-"));
    writeCheckpoint(from, options);
    writeFileSync(join(from, "LICENSE"), "MIT");
    const source = await readCheckpoint(from);
    const quantized = await quantizeFolder(from, `${from}-int8`, "int8");
    const copied = [...quantized.table.tensors.keys()].filter((key) => key.endsWith(".weight"));
    expect(copied.filter((key) => !key.includes("norm"))).toEqual(
      expect.arrayContaining(["model.transformer.wte.weight", "model.transformer.ln_f.weight"]),
    );
    for (const key of copied) {
      expect(readTensor(quantized, key)).toEqual(readTensor(source, key));
    }
    expect(readFileSync(join(`${from}-int8`, "LICENSE"), "utf8")).toBe("MIT");
    const bytes = [...quantized.table.tensors.values()].map(({ byteLength }) => byteLength);
    expect(countQuantizedBytes(source, "int8")).toBe(bytes.reduce((sum, size) => sum + size));
    expect(quantized.parameterCount).toBe(source.parameterCount);
  });

  it("keeps the embedded model's predictions in int8", async ({ expect }) => {
    const original = await readCheckpoint(EMBEDDED);
    const quantized = await quantizeFolder(EMBEDDED, join(folder, "embedded"), "int8");
    const tokenizer = await loadTokenizer(EMBEDDED, original.config);
    const windows = maskWindows(tokenizer.encodeUserText(SAMPLE_TEXT), {
      length: 64,
      maxCount: 4,
      maxCandidates: 64,
      maskTokenId: original.config.maskTokenId,
    });
    const meter = new PredictionLossMeter();
    const predictors = await Promise.all(
      [original, quantized].map((checkpoint) =>
        createMaskPredictor(checkpoint, { executionProvider: "cpu", intraOpThreads: 1 }),
      ),
    );
    for (const { batch, hiddenIds } of windows) {
      const [wanted, found] = await Promise.all(
        predictors.map(async (each) => (await each.predict(batch)).logits),
      );
      meter.take(wanted ?? new Float32Array(), found ?? new Float32Array(), hiddenIds);
    }
    await Promise.all(predictors.map((each) => each.close()));
    expect(meter.result.positions).toBe(128);
    // Half of the text is hidden: here and there two tokens are nearly as likely.
    expect(meter.result.argmaxAgreement).toBeGreaterThan(0.92);
    expect(meter.result.meanDivergence).toBeLessThan(0.003);
  });
});
