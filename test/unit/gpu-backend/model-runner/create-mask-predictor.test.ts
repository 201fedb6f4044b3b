import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, it } from "vitest";
import type { CanvasBatch } from "../../../../gpu-backend/canvas/canvas-batch.ts";
import { readCheckpoint } from "../../../../gpu-backend/model/checkpoint.ts";
import { createMaskPredictor } from "../../../../gpu-backend/model-runner/create-mask-predictor.ts";
import type { ExecutionProvider } from "../../../../gpu-backend/model-runner/onnx-session.ts";
import { writeCheckpoint } from "../../../support/write-checkpoint.ts";

const OPTIONS = { executionProvider: "cpu", intraOpThreads: 1 } as const;
const folder = mkdtempSync(join(tmpdir(), "mask-predictor-"));

afterAll(() => rmSync(folder, { recursive: true }));

function unpadded(rowCount: number, length: number): CanvasBatch {
  const size = rowCount * length;
  return {
    rowCount,
    length,
    tokenIds: Int32Array.from({ length: size }, (_, i) => i % 50),
    attended: new Uint8Array(size).fill(1),
    candidateIndexes: Int32Array.from({ length: size }, (_, i) => i),
  };
}

async function predictOnce(directory: string): Promise<Float32Array> {
  const predictor = await createMaskPredictor(await readCheckpoint(directory), OPTIONS);
  try {
    return (await predictor.predict(unpadded(2, 6))).logits;
  } finally {
    await predictor.close();
  }
}

describe("createMaskPredictor", () => {
  it("leaves the event loop free during a forward pass", async ({ expect }) => {
    const directory = join(folder, "long");
    writeCheckpoint(directory, { config: { n_layers: 12, max_sequence_length: 1024 } });
    const predictor = await createMaskPredictor(await readCheckpoint(directory), OPTIONS);
    let isDone = false;
    const pass = predictor.predict(unpadded(4, 1024)).finally(() => {
      isDone = true;
    });
    let tickCount = 0;
    while (!isDone) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      tickCount += 1;
    }
    await pass;
    await predictor.close();
    // A blocked loop would see one tick, after the pass.
    expect(tickCount).toBeGreaterThan(20);
  });

  it.for([0, 1, 20])(
    "closes %i ms into a forward pass, others waiting",
    async (delayMs, { expect }) => {
      const directory = join(folder, `closing-${delayMs}`);
      writeCheckpoint(directory, { config: { max_sequence_length: 512 } });
      const predictor = await createMaskPredictor(await readCheckpoint(directory), OPTIONS);
      const passes = Array.from({ length: 30 }, () => predictor.predict(unpadded(4, 512)));
      const outcomes = Promise.allSettled(passes);
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      await predictor.close();
      // A fast machine may have finished some, but not the last.
      expect((await outcomes).at(-1)).toMatchObject({
        status: "rejected",
        reason: { code: "session_failed" },
      });
    },
  );

  it("answers calls that are made at once", async ({ expect }) => {
    const directory = join(folder, "at-once");
    writeCheckpoint(directory);
    const predictor = await createMaskPredictor(await readCheckpoint(directory), OPTIONS);
    const shapes = [1, 5, 9, 2, 30];
    const answers = await Promise.all(
      shapes.map((length) => predictor.predict(unpadded(1, length))),
    );
    await predictor.close();
    expect(answers.map(({ logits }) => logits.length / predictor.logitCount)).toEqual(shapes);
  });

  it("reads a cache snapshot, whose files are links out of the directory", async ({ expect }) => {
    const real = join(folder, "real");
    writeCheckpoint(real, { shardCount: 2, type: "BF16" });
    const expected = await predictOnce(real);

    const [blobs, snapshot] = [join(folder, "hub", "blobs"), join(folder, "hub", "snapshots", "1")];
    mkdirSync(blobs, { recursive: true });
    mkdirSync(snapshot, { recursive: true });
    for (const [i, file] of [
      "config.json",
      "model.safetensors.index.json",
      "model-00001-of-00002.safetensors",
      "model-00002-of-00002.safetensors",
    ].entries()) {
      renameSync(join(real, file), join(blobs, `blob${i}`));
      symlinkSync(join("..", "..", "blobs", `blob${i}`), join(snapshot, file));
    }
    expect(await predictOnce(snapshot)).toEqual(expected);
  });

  it("reads shards whose real folders differ", async ({ expect }) => {
    const directory = join(folder, "scattered");
    writeCheckpoint(directory, { shardCount: 2 });
    const expected = await predictOnce(directory);
    for (const shard of ["model-00001-of-00002", "model-00002-of-00002"]) {
      mkdirSync(join(folder, shard, "deep"), { recursive: true });
      const target = join(folder, shard, "deep", "weights");
      renameSync(join(directory, `${shard}.safetensors`), target);
      symlinkSync(target, join(directory, `${shard}.safetensors`));
    }
    expect(await predictOnce(directory)).toEqual(expected);
  });

  it("reads a checkpoint through a link to its directory", async ({ expect }) => {
    const directory = join(folder, "behind");
    writeCheckpoint(directory);
    symlinkSync(directory, join(folder, "link"));
    expect(await predictOnce(join(folder, "link"))).toEqual(await predictOnce(directory));
  });

  it("refuses an execution provider that the machine lacks", async ({ expect }) => {
    const directory = join(folder, "provider");
    writeCheckpoint(directory);
    const options = { executionProvider: "rocm" as ExecutionProvider, intraOpThreads: 1 };
    await expect(
      createMaskPredictor(await readCheckpoint(directory), options),
    ).rejects.toMatchObject({ code: "session_failed" });
  });
});
