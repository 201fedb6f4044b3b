import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, it } from "vitest";
import type { CanvasBatch } from "../../../../gpu-backend/canvas/canvas-batch.ts";
import type { Checkpoint } from "../../../../gpu-backend/model/checkpoint.ts";
import { GraphBuilder } from "../../../../gpu-backend/model/graph-builder.ts";
import type { Quantization } from "../../../../gpu-backend/model/quantization.ts";
import { multiplyLevels } from "../../../../gpu-backend/model/quantized-product.ts";
import { createMaskPredictor } from "../../../../gpu-backend/model-runner/create-mask-predictor.ts";
import type { MaskPredictor } from "../../../../gpu-backend/model-runner/mask-predictor.ts";
import { createOnnxSession } from "../../../../gpu-backend/model-runner/onnx-session.ts";
import { quantizeFolder } from "../../../support/quantize-folder.ts";
import { referenceLogits } from "../../../support/reference-network.ts";
import {
  type CheckpointOptions,
  createRandom,
  writeCheckpoint,
} from "../../../support/write-checkpoint.ts";

const folder = mkdtempSync(join(tmpdir(), "quantized-"));
const opened: MaskPredictor[] = [];

afterAll(async () => {
  await Promise.all(opened.map((predictor) => predictor.close()));
  rmSync(folder, { recursive: true });
});

async function open(
  name: string,
  options: CheckpointOptions,
  quantization: Quantization,
  intraOpThreads = 1,
): Promise<{ checkpoint: Checkpoint; predictor: MaskPredictor }> {
  const source = mkdtempSync(join(folder, "source-"));
  writeCheckpoint(source, options);
  const out = join(folder, `${name.replaceAll(" ", "-")}-${quantization}-${intraOpThreads}`);
  const checkpoint = await quantizeFolder(source, out, quantization);
  const predictor = await createMaskPredictor(checkpoint, {
    executionProvider: "cpu",
    intraOpThreads,
  });
  opened.push(predictor);
  return { checkpoint, predictor };
}

/** Every second column of every row is a candidate. */
function randomBatch(idCount: number, rowCount: number, length: number): CanvasBatch {
  const random = createRandom(length);
  const size = rowCount * length;
  return {
    rowCount,
    length,
    tokenIds: Int32Array.from({ length: size }, () => Math.floor(random() * idCount)),
    attended: new Uint8Array(size).fill(1),
    candidateIndexes: Int32Array.from({ length: Math.ceil(size / 2) }, (_, i) => 2 * i),
  };
}

/** Root of the squared differences over the squares. */
function relativeRms(found: Float32Array, wanted: readonly number[]): number {
  const sum = (values: readonly number[]): number => values.reduce((all, x) => all + x * x, 0);
  return Math.sqrt(sum(wanted.map((x, i) => x - (found[i] ?? 0))) / sum(wanted));
}

const NETWORKS: Readonly<Record<string, CheckpointOptions>> = {
  "plain heads": {},
  "grouped heads": { config: { d_model: 48, n_heads: 6, n_kv_heads: 2 } },
  "tied weights": { config: { weight_tying: true } },
  "odd width": { config: { mlp_hidden_size: 51 } },
  bfloat16: { type: "BF16" },
  float16: { type: "F16" },
};

describe("a quantised network", () => {
  // An activation that float32 puts just across a rounding border is one level off.
  it.for(Object.keys(NETWORKS))(
    "computes what float64 does in int8: %s",
    async (name, { expect }) => {
      const { checkpoint, predictor } = await open(name, NETWORKS[name] ?? {}, "int8");
      const batch = randomBatch(checkpoint.config.embeddingSize, 2, 9);
      const wanted = referenceLogits(checkpoint, batch).flat();
      expect(relativeRms((await predictor.predict(batch)).logits, wanted)).toBeLessThan(2e-3);
    },
  );

  it.for(Object.keys(NETWORKS))(
    "computes what float64 does in int4: %s",
    async (name, { expect }) => {
      const { checkpoint, predictor } = await open(name, NETWORKS[name] ?? {}, "int4");
      const batch = randomBatch(checkpoint.config.embeddingSize, 2, 9);
      const wanted = referenceLogits(checkpoint, batch).flat();
      expect(relativeRms((await predictor.predict(batch)).logits, wanted)).toBeLessThan(1e-4);
    },
  );

  it.for(["int8", "int4"] as const)(
    "gives a row the same %s bits alone, in a batch and with two threads",
    async (quantization, { expect }) => {
      const wide = { config: { d_model: 128, mlp_hidden_size: 320, n_layers: 3 } };
      const { checkpoint, predictor } = await open("alone", wide, quantization);
      const [rowCount, length] = [5, 32];
      const batch = randomBatch(checkpoint.config.embeddingSize, rowCount, length);
      const { logits: together } = await predictor.predict(batch);
      const threaded = await open("alone", wide, quantization, 2);
      expect((await threaded.predictor.predict(batch)).logits).toEqual(together);
      const share = together.length / rowCount;
      for (let row = 0; row < rowCount; row += 1) {
        const { logits: alone } = await predictor.predict({
          ...batch,
          rowCount: 1,
          tokenIds: batch.tokenIds.slice(row * length, (row + 1) * length),
          attended: batch.attended.slice(0, length),
          candidateIndexes: batch.candidateIndexes.slice(0, length / 2),
        });
        expect(alone).toEqual(together.slice(row * share, (row + 1) * share));
      }
    },
  );
});

describe("the int8 product", () => {
  it("is exact for the largest activations and pairs of weights, and for a row of zeros", async ({
    expect,
  }) => {
    const [inputs, outputs] = [512, 40];
    const random = createRandom(7);
    const levels = Int8Array.from({ length: inputs * outputs }, (_, i) => {
      const output = i % outputs;
      const largest = output % 2 === 0 ? 64 : Math.floor(i / outputs) % 2 === 0 ? 127 : 1;
      return random() < 0.9 ? largest : -largest;
    });
    // Whole activations up to 127 are their own levels.
    const rows = Float32Array.from({ length: 6 * inputs }, () => (random() < 0.9 ? 127 : -127));
    rows.fill(0, 5 * inputs);
    const builder = new GraphBuilder();
    const table = builder.floats("rows", [6, inputs], rows);
    const picked = builder.node("Gather", [table, builder.input("indexes", "int32", ["n"])]);
    const product = multiplyLevels(builder, picked, {
      quantization: "int8",
      levels: builder.bytes("levels", "I8", [inputs, outputs], new Uint8Array(levels.buffer)),
      scales: builder.floats("scales", [outputs], new Float32Array(outputs).fill(1)),
      shape: [outputs, inputs],
    });
    builder.output("product", product, "float32", ["n", outputs]);
    const session = await createOnnxSession(builder.encode("product"), folder, {
      executionProvider: "cpu",
      intraOpThreads: 1,
    });
    const data = Int32Array.from([0, 1, 2, 3, 4, 5]);
    const found = await session.run({ indexes: { type: "int32", shape: [6], data } }, ["product"]);
    await session.release();
    const wanted = Array.from({ length: 6 * outputs }, (_, i) => {
      const [row, output] = [Math.floor(i / outputs), i % outputs];
      let sum = 0;
      for (let k = 0; k < inputs; k += 1) {
        sum += (rows[row * inputs + k] ?? 0) * (levels[k * outputs + output] ?? 0);
      }
      return sum;
    });
    expect([...(found["product"] ?? [])]).toEqual(wanted);
  });
});
