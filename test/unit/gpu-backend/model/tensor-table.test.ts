import { mkdtempSync, readFileSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, it } from "vitest";
import { readTensorTable } from "../../../../gpu-backend/model/tensor-table.ts";
import { writeCheckpoint, writeSafetensors } from "../../../support/write-checkpoint.ts";

const FIRST = "model-00001-of-00002.safetensors";
const SECOND = "model-00002-of-00002.safetensors";
const INDEX = "model.safetensors.index.json";
const NORM = "model.transformer.blocks.1.attn_norm.weight";

const folder = mkdtempSync(join(tmpdir(), "tensor-table-"));
let directoryCount = 0;

afterAll(() => rmSync(folder, { recursive: true }));

/** A checkpoint of two shards whose index has been changed. */
function write(change: (weightMap: Record<string, string>) => unknown = (map) => map): string {
  directoryCount += 1;
  const directory = join(folder, String(directoryCount));
  writeCheckpoint(directory, { shardCount: 2 });
  const { weight_map } = JSON.parse(readFileSync(join(directory, INDEX), "utf8"));
  writeFileSync(join(directory, INDEX), JSON.stringify({ weight_map: change(weight_map) }));
  return directory;
}

function other(shard: string | undefined): string {
  return shard === FIRST ? SECOND : FIRST;
}

describe("readTensorTable", () => {
  it("lists the tensors of all shards, each with its file", async ({ expect }) => {
    const table = await readTensorTable(write());
    const locations = new Set([...table.tensors.values()].map((tensor) => tensor.location));
    expect([...locations].sort()).toEqual([FIRST, SECOND]);
    expect(table.files.map((file) => file.slice(table.folder.length + 1))).toEqual([FIRST, SECOND]);
  });

  it.for<[string, (directory: string) => void, object]>([
    [
      "no weights",
      (directory) => unlinkSync(join(directory, INDEX)),
      { code: "checkpoint_not_found", param: "model.safetensors" },
    ],
    [
      "a missing shard",
      (directory) => unlinkSync(join(directory, SECOND)),
      { code: "checkpoint_not_found", param: SECOND },
    ],
    [
      "an index that is not JSON",
      (directory) => writeFileSync(join(directory, INDEX), "{"),
      { code: "checkpoint_corrupt", param: INDEX },
    ],
  ])("refuses and names %s", async ([, damage, expected], { expect }) => {
    const directory = write();
    damage(directory);
    await expect(readTensorTable(directory)).rejects.toMatchObject(expected);
  });

  it.for<[string, (weightMap: Record<string, string>) => unknown, string]>([
    ["without a map", () => 7, INDEX],
    ["that leads out of the directory", (map) => ({ ...map, x: "../model.safetensors" }), INDEX],
    ["of a file that is no shard", (map) => ({ ...map, x: "config.json" }), INDEX],
    ["with a tensor in the wrong shard", (map) => ({ ...map, [NORM]: other(map[NORM]) }), NORM],
    ["that forgets a tensor", ({ [NORM]: _, ...map }) => map, NORM],
    ["of a tensor that no shard has", (map) => ({ ...map, x: SECOND }), "x"],
  ])("refuses an index %s", async ([, change, param], { expect }) => {
    await expect(readTensorTable(write(change))).rejects.toMatchObject({
      code: "checkpoint_corrupt",
      param,
    });
  });

  it("refuses a tensor that two shards hold", async ({ expect }) => {
    const tensor = { name: "twice", type: "F32", shape: [1], data: new Uint8Array(4) };
    const single = { ...tensor, name: "once" };
    const directory = write(() => ({ twice: FIRST, once: SECOND }));
    writeSafetensors(join(directory, FIRST), [tensor]);
    writeSafetensors(join(directory, SECOND), [tensor, single]);
    await expect(readTensorTable(directory)).rejects.toMatchObject({
      code: "checkpoint_corrupt",
      param: "twice",
    });
  });
});
