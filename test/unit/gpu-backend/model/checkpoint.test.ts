import { createHash } from "node:crypto";
import {
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, it } from "vitest";
import { digestCheckpoint, readCheckpoint } from "../../../../gpu-backend/model/checkpoint.ts";
import { type CheckpointOptions, writeCheckpoint } from "../../../support/write-checkpoint.ts";

const folder = mkdtempSync(join(tmpdir(), "checkpoint-"));
let directoryCount = 0;

afterAll(() => rmSync(folder, { recursive: true }));

function write(options: CheckpointOptions = {}): string {
  directoryCount += 1;
  const directory = join(folder, String(directoryCount));
  writeCheckpoint(directory, options);
  return directory;
}

function shardsOf(directory: string): string[] {
  return [1, 2].map((i) => join(directory, `model-0000${i}-of-00002.safetensors`));
}

describe("readCheckpoint", () => {
  it.for([1, 3])(
    "finds the tensors in %i files and counts parameters",
    async (shardCount, { expect }) => {
      const checkpoint = await readCheckpoint(write({ shardCount }));
      expect(checkpoint.table.files.length).toBe(shardCount);
      const layer = 2 * 32 + 4 * 32 * 32 + 3 * 48 * 32;
      expect(checkpoint.parameterCount).toBe(2 * 64 * 32 + 2 * layer + 32);
    },
  );

  it("counts tied weights once", async ({ expect }) => {
    const tied = await readCheckpoint(write({ config: { weight_tying: true } }));
    const untied = await readCheckpoint(write());
    expect(untied.parameterCount - tied.parameterCount).toBe(64 * 32);
  });

  it("says when the weights were last modified", async ({ expect }) => {
    const directory = write({ shardCount: 2 });
    for (const [i, shard] of shardsOf(directory).entries()) {
      utimesSync(shard, 1000 + i, 1000 + i);
    }
    expect((await readCheckpoint(directory)).modifiedAt).toBe(1_001_000);
  });

  it("reports a directory that is not there, without its path", async ({ expect }) => {
    const error = await readCheckpoint(join(folder, "nowhere")).catch((caught: Error) => caught);
    expect(error).toMatchObject({ code: "checkpoint_not_found", param: "config.json" });
    expect(String(error)).not.toContain(folder);
  });

  it.for<[string, (directory: string) => void, object]>([
    [
      "a config that is not JSON",
      (directory) => writeFileSync(join(directory, "config.json"), "{"),
      { code: "checkpoint_corrupt", param: "config.json" },
    ],
    [
      "an unknown key of the config",
      (directory) => writeFileSync(join(directory, "config.json"), '{"novel":1}'),
      { code: "config_not_supported", param: "novel" },
    ],
    [
      "a shard that is cut short",
      (directory) => truncateSync(shardsOf(directory)[1] ?? "", 1000),
      { code: "checkpoint_corrupt", param: "model-00002-of-00002.safetensors" },
    ],
  ])("refuses and names %s", async ([, damage, expected], { expect }) => {
    const directory = write({ shardCount: 2 });
    damage(directory);
    await expect(readCheckpoint(directory)).rejects.toMatchObject(expected);
  });

  it("refuses an autoregressive model, and where one is asked for any other", async ({
    expect,
  }) => {
    const twin = write({ config: { unmask_causal: true } });
    const refusal = { code: "config_not_supported", param: "unmask_causal" };
    await expect(readCheckpoint(twin)).rejects.toMatchObject(refusal);
    await expect(readCheckpoint(write(), "autoregressive")).rejects.toMatchObject(refusal);
    expect((await readCheckpoint(twin, "autoregressive")).config.isCausal).toBe(true);
  });

  it("refuses weights that the config has no place for", async ({ expect }) => {
    const directory = write();
    const config = JSON.parse(readFileSync(join(directory, "config.json"), "utf8"));
    writeFileSync(join(directory, "config.json"), JSON.stringify({ ...config, n_layers: 1 }));
    await expect(readCheckpoint(directory)).rejects.toMatchObject({ code: "tensor_not_supported" });
  });
});

describe("digestCheckpoint", () => {
  it("is the SHA-256 of the shards' contents in order", async ({ expect }) => {
    const directory = write({ shardCount: 2 });
    const hash = createHash("sha256");
    for (const shard of shardsOf(directory)) {
      hash.update(readFileSync(shard));
    }
    const checkpoint = await readCheckpoint(directory);
    expect(await digestCheckpoint(checkpoint)).toBe(hash.digest("hex"));
  });
});
