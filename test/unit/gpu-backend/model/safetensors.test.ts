import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, it } from "vitest";
import { ApiError } from "#shared/contracts/errors.ts";
import { readSafetensorsHeader } from "../../../../gpu-backend/model/safetensors.ts";
import { type WrittenTensor, writeSafetensors } from "../../../support/write-checkpoint.ts";

const TENSORS: WrittenTensor[] = [
  { name: "wide", type: "F32", shape: [2, 3], data: new Uint8Array(24) },
  { name: "half", type: "BF16", shape: [5], data: new Uint8Array(10) },
  { name: "other", type: "F16", shape: [1, 1], data: new Uint8Array(2) },
  { name: "empty", type: "F32", shape: [0, 4], data: new Uint8Array(0) },
];
const folder = mkdtempSync(join(tmpdir(), "safetensors-"));
const path = join(folder, "weights");

afterAll(() => rmSync(folder, { recursive: true }));

function read() {
  return readSafetensorsHeader(path, "shard.safetensors");
}

function writeRaw(headerBytes: bigint, header: string): void {
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(headerBytes);
  writeFileSync(path, Buffer.concat([prefix, Buffer.from(header), Buffer.alloc(64)]));
}

function writeEntry(entry: unknown): void {
  writeSafetensors(path, TENSORS, { half: entry });
}

describe("readSafetensorsHeader", () => {
  it("gives type, shape and place in the file", async ({ expect }) => {
    writeSafetensors(path, TENSORS);
    const dataOffset = readFileSync(path).length - 36;
    expect(Object.fromEntries(await read())).toEqual({
      wide: { type: "F32", shape: [2, 3], byteOffset: dataOffset, byteLength: 24 },
      half: { type: "BF16", shape: [5], byteOffset: dataOffset + 24, byteLength: 10 },
      other: { type: "F16", shape: [1, 1], byteOffset: dataOffset + 34, byteLength: 2 },
      empty: { type: "F32", shape: [0, 4], byteOffset: dataOffset + 36, byteLength: 0 },
    });
  });

  it("answers any damage to the header with an error of ours, or not at all", async ({
    expect,
  }) => {
    writeSafetensors(path, TENSORS);
    const intact = readFileSync(path);
    const damage = fc.record({ place: fc.nat(intact.length - 1), byte: fc.nat(255) });
    await fc.assert(
      fc.asyncProperty(fc.array(damage, { minLength: 1, maxLength: 4 }), async (damages) => {
        const bytes = Buffer.from(intact);
        for (const { place, byte } of damages) {
          bytes[place] = byte;
        }
        writeFileSync(path, bytes);
        const error = await read().then(
          () => null,
          (caught: unknown) => caught,
        );
        expect(error === null || error instanceof ApiError).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it("reports a file that is not there", async ({ expect }) => {
    await expect(readSafetensorsHeader(join(folder, "none"), "none")).rejects.toMatchObject({
      code: "checkpoint_not_found",
      param: "none",
    });
  });

  it("refuses a directory", async ({ expect }) => {
    await expect(readSafetensorsHeader(folder, "shard")).rejects.toMatchObject({
      code: "checkpoint_corrupt",
      param: "shard",
    });
  });

  it("refuses an element type that no network has, and names the tensor", async ({ expect }) => {
    writeEntry({ dtype: "I16", shape: [5], data_offsets: [24, 34] });
    await expect(read()).rejects.toMatchObject({ code: "tensor_not_supported", param: "half" });
  });

  it.for<[string, () => void, string]>([
    ["an empty file", () => writeFileSync(path, ""), "too short"],
    ["a header beyond the file", () => writeRaw(1_000_000n, "{}"), "header length"],
    ["a header length of all ones", () => writeRaw(2n ** 64n - 1n, "{}"), "header length"],
    ["a garbage header", () => writeRaw(4n, "\u0001{]x"), "not JSON"],
    ["a header that is a list", () => writeRaw(2n, "[]"), "not an object"],
    ["an entry without offsets", () => writeEntry({ dtype: "BF16", shape: [5] }), "entry for half"],
    [
      "a negative side",
      () => writeEntry({ dtype: "BF16", shape: [-5], data_offsets: [24, 34] }),
      "entry for half",
    ],
    [
      "a shape that disagrees with its bytes",
      () => writeEntry({ dtype: "BF16", shape: [4], data_offsets: [24, 34] }),
      "half",
    ],
    [
      "a shape whose product overflows",
      () => writeEntry({ dtype: "BF16", shape: [2 ** 52, 2 ** 52], data_offsets: [24, 34] }),
      "half",
    ],
    [
      "offsets that run backwards",
      () => writeEntry({ dtype: "BF16", shape: [5], data_offsets: [34, 24] }),
      "half",
    ],
    [
      "tensors that overlap",
      () => writeEntry({ dtype: "BF16", shape: [5], data_offsets: [20, 30] }),
      "overlaps",
    ],
    [
      "a hole between tensors",
      () => writeEntry({ dtype: "BF16", shape: [4], data_offsets: [24, 32] }),
      "hole",
    ],
    [
      "data that is cut short",
      () => {
        writeSafetensors(path, TENSORS);
        truncateSync(path, readFileSync(path).length - 1);
      },
      "cut short",
    ],
    [
      "data after the last tensor",
      () => {
        writeSafetensors(path, TENSORS);
        appendFileSync(path, "x");
      },
      "belongs to no tensor",
    ],
  ])("refuses %s", async ([, write, complaint], { expect }) => {
    write();
    const error = await read().catch((caught: Error) => caught);
    expect(error).toMatchObject({ code: "checkpoint_corrupt", param: "shard.safetensors" });
    expect(String(error)).toContain(complaint);
  });
});
