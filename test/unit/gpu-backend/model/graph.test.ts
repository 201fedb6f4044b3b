import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, it } from "vitest";
import type { CanvasBatch } from "../../../../gpu-backend/canvas/canvas-batch.ts";
import { type Checkpoint, readCheckpoint } from "../../../../gpu-backend/model/checkpoint.ts";
import { createMaskPredictor } from "../../../../gpu-backend/model-runner/create-mask-predictor.ts";
import type { MaskPredictor } from "../../../../gpu-backend/model-runner/mask-predictor.ts";
import { referenceLogits } from "../../../support/reference-network.ts";
import {
  type CheckpointOptions,
  createRandom,
  writeCheckpoint,
} from "../../../support/write-checkpoint.ts";

const TOLERANCE = 1e-4;
const folder = mkdtempSync(join(tmpdir(), "graph-"));
const opened: MaskPredictor[] = [];

afterAll(async () => {
  await Promise.all(opened.map((predictor) => predictor.close()));
  rmSync(folder, { recursive: true });
});

async function open(
  name: string,
  options: CheckpointOptions,
): Promise<{ checkpoint: Checkpoint; predictor: MaskPredictor }> {
  const directory = join(folder, name.replaceAll(" ", "-"));
  writeCheckpoint(directory, options);
  const isCausal = options.config?.["unmask_causal"] === true;
  const checkpoint = await readCheckpoint(directory, isCausal ? "autoregressive" : "diffusion");
  const predictor = await createMaskPredictor(checkpoint, {
    executionProvider: "cpu",
    intraOpThreads: 1,
  });
  opened.push(predictor);
  return { checkpoint, predictor };
}

/** Random ids; `padding[row]` columns are left out, on the left if positive, on the right if negative. */
function randomBatch(
  checkpoint: Checkpoint,
  length: number,
  padding: readonly number[],
): CanvasBatch {
  const random = createRandom(length * 31 + padding.length);
  const rowCount = padding.length;
  const attended = Uint8Array.from({ length: rowCount * length }, (_, i) => {
    const excluded = padding[Math.floor(i / length)] ?? 0;
    const column = i % length;
    return Number(excluded >= 0 ? column >= excluded : column < length + excluded);
  });
  const all = [...attended.keys()].filter((i) => attended[i] === 1);
  return {
    rowCount,
    length,
    tokenIds: Int32Array.from(attended, () =>
      Math.floor(random() * checkpoint.config.embeddingSize),
    ),
    attended,
    candidateIndexes: Int32Array.from(all.filter(() => random() < 0.5).concat(all.slice(-1))),
  };
}

/** Largest difference, relative to the largest logit of its vector. */
function worstError(found: Float32Array, wanted: readonly number[][]): number {
  const errors = wanted.map((vector, i) => {
    const ours = found.subarray(i * vector.length, (i + 1) * vector.length);
    const differences = vector.map((value, j) => Math.abs(value - (ours[j] ?? Number.NaN)));
    return Math.max(...differences) / Math.max(...vector.map(Math.abs));
  });
  return Math.max(...errors);
}

const NETWORKS: Readonly<Record<string, CheckpointOptions>> = {
  "plain heads": {},
  "one key head": { config: { n_kv_heads: 1 } },
  "two key heads of six": { config: { d_model: 48, n_heads: 6, n_kv_heads: 2 } },
  "key heads absent": { config: { n_kv_heads: undefined } },
  "one wide head": { config: { n_heads: 1, n_kv_heads: 1, d_model: 40 } },
  "heads of width two": { config: { n_heads: 16, n_kv_heads: 8 } },
  causal: { config: { unmask_causal: true, n_kv_heads: 2 } },
  "one layer": { config: { n_layers: 1 } },
  "five layers": { config: { n_layers: 5 } },
  "default theta": { config: { rope_theta: undefined } },
  "small theta": { config: { rope_theta: 50 } },
  "large epsilon": { config: { rms_norm_eps: 0.1 } },
  "tied weights": { config: { weight_tying: true } },
  "tied bfloat16": { config: { weight_tying: true }, type: "BF16" },
  "width by ratio": { config: { mlp_hidden_size: null, mlp_ratio: 2.5 } },
  "no rows above the vocabulary": { config: { embedding_size: null } },
  "odd vocabulary": { config: { vocab_size: 101, embedding_size: 101 } },
  float16: { type: "F16" },
  "bfloat16 in three shards": { type: "BF16", shardCount: 3 },
  "float16 in two shards, grouped": { config: { n_kv_heads: 2 }, type: "F16", shardCount: 2 },
};

describe("full graph", () => {
  it.for(Object.entries(NETWORKS))(
    "agrees with the network in float64: %s",
    async ([name, options], { expect }) => {
      const { checkpoint, predictor } = await open(name, options);
      for (const batch of [
        randomBatch(checkpoint, 1, [0]),
        randomBatch(checkpoint, 13, [0, 0]),
        randomBatch(checkpoint, 20, [0, 7, -9, 19]),
        randomBatch(checkpoint, 40, [0]),
      ]) {
        const { logits } = await predictor.predict(batch);
        const wanted = referenceLogits(checkpoint, batch);
        expect(worstError(logits, wanted)).toBeLessThan(TOLERANCE);
      }
    },
  );

  it("gives a row the same bits alone and in any batch", async ({ expect }) => {
    const { checkpoint, predictor } = await open("rows", {
      config: { d_model: 96, n_heads: 6, n_kv_heads: 2, mlp_hidden_size: 200, embedding_size: 500 },
    });
    const size = predictor.logitCount;
    for (const length of [1, 2, 7, 33, 64]) {
      const batch = randomBatch(checkpoint, length, [0, length - 1, 0, -Math.floor(length / 2), 0]);
      const { logits: together } = await predictor.predict(batch);
      for (let row = 0; row < batch.rowCount; row += 1) {
        const start = row * length;
        const mine = [...batch.candidateIndexes.entries()].filter(
          ([, index]) => Math.floor(index / length) === row,
        );
        const { logits: alone } = await predictor.predict({
          rowCount: 1,
          length,
          tokenIds: batch.tokenIds.slice(start, start + length),
          attended: batch.attended.slice(start, start + length),
          candidateIndexes: Int32Array.from(mine, ([, index]) => index - start),
        });
        const expected = mine.flatMap(([i]) => [...together.subarray(i * size, (i + 1) * size)]);
        expect([...alone]).toEqual(expected);
      }
    }
  });

  it("gives a position the same bits whichever other positions are asked for", async ({
    expect,
  }) => {
    const { checkpoint, predictor } = await open("candidates", {
      config: { d_model: 64, mlp_hidden_size: 160, embedding_size: 300 },
    });
    const batch = { ...randomBatch(checkpoint, 24, [0, 0]), candidateIndexes: new Int32Array(48) };
    batch.candidateIndexes.set([...batch.tokenIds.keys()]);
    const { logits: all } = await predictor.predict(batch);
    for (const count of [1, 2, 3, 5, 12, 13]) {
      const candidateIndexes = Int32Array.from({ length: count }, (_, i) => i * 3 + 2);
      const { logits: some } = await predictor.predict({ ...batch, candidateIndexes });
      const expected = [...candidateIndexes].flatMap((i) => [
        ...all.subarray(i * predictor.logitCount, (i + 1) * predictor.logitCount),
      ]);
      expect([...some]).toEqual(expected);
    }
  });

  it("keeps a row without any attended column finite, and to itself", async ({ expect }) => {
    const { checkpoint, predictor } = await open("padding row", {});
    const batch = randomBatch(checkpoint, 10, [0, 0]);
    const candidateIndexes = Int32Array.of(3, 9, 12);
    const { logits: before } = await predictor.predict({ ...batch, candidateIndexes });
    const attended = batch.attended.slice().fill(0, 10);
    const { logits: after } = await predictor.predict({ ...batch, attended, candidateIndexes });
    const mine = 2 * predictor.logitCount;
    expect([...after.subarray(0, mine)]).toEqual([...before.subarray(0, mine)]);
    expect(after.every(Number.isFinite)).toBe(true);
  });
});
