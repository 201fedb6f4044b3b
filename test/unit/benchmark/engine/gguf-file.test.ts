import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, it } from "vitest";
import { readCheckpoint } from "../../../../gpu-backend/model/checkpoint.ts";
import { writeGguf } from "../../../benchmark/engine/gguf-file.ts";
import { GOLDEN_DIRECTORY } from "../../gpu-backend/golden-predictor.ts";

const folder = mkdtempSync(join(tmpdir(), "unmask-gguf-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Where the data of the tensor called `name` begins in its file, and its shape there. */
function findTensor(file: Buffer, name: string): { dims: number[]; offset: number } {
  const at = file.indexOf(Buffer.from(name)) + name.length;
  const dimCount = file.readUInt32LE(at);
  const dims = Array.from({ length: dimCount }, (_, i) =>
    Number(file.readBigUInt64LE(at + 4 + 8 * i)),
  );
  return { dims, offset: Number(file.readBigUInt64LE(at + 8 + 8 * dimCount)) };
}

describe("a GGUF file", () => {
  it("holds every weight, rows of queries in the order in which ggml rotates", async ({
    expect,
  }) => {
    const checkpoint = await readCheckpoint(join(GOLDEN_DIRECTORY, "tiny-gqa"));
    const path = join(folder, "tiny.gguf");
    writeGguf(checkpoint, path);
    const file = readFileSync(path);
    expect(file.toString("latin1", 0, 4)).toBe("GGUF");
    expect(file.readUInt32LE(4)).toBe(3);
    expect(Number(file.readBigUInt64LE(8))).toBe(checkpoint.table.tensors.size);

    const tensor = checkpoint.table.tensors.get("model.transformer.blocks.1.k_proj.weight");
    const source = readFileSync(join(checkpoint.table.folder, tensor?.location ?? ""));
    const { modelSize, headSize, kvHeadCount, headCount } = checkpoint.config;
    expect(headCount).not.toBe(kvHeadCount);
    const sourceRow = (row: number) => {
      const start = (tensor?.byteOffset ?? 0) + row * modelSize * 4;
      return source.subarray(start, start + modelSize * 4).toString("hex");
    };
    const { dims, offset } = findTensor(file, "blk.1.attn_k.weight");
    expect(dims).toEqual([modelSize, kvHeadCount * headSize]);
    // Offsets count from the data's start; the last tensor's end is the file's.
    const total = [...checkpoint.table.tensors.values()].reduce(
      (sum, { byteLength }) => sum + Math.ceil(byteLength / 32) * 32,
      0,
    );
    const dataStart = file.length - total;
    const writtenRow = (row: number) => {
      const start = dataStart + offset + row * modelSize * 4;
      return file.subarray(start, start + modelSize * 4).toString("hex");
    };
    const half = headSize / 2;
    // Neighbours there are the two halves here.
    expect(writtenRow(0)).toBe(sourceRow(0));
    expect(writtenRow(1)).toBe(sourceRow(half));
    expect(writtenRow(2)).toBe(sourceRow(1));
    expect(writtenRow(headSize + 3)).toBe(sourceRow(headSize + half + 1));
  });

  it("refuses weights of another type", async ({ expect }) => {
    const checkpoint = await readCheckpoint(join(GOLDEN_DIRECTORY, "tiny-bf16-sharded"));
    expect(() => writeGguf(checkpoint, join(folder, "no.gguf"))).toThrow(/not float32/);
  });
});
