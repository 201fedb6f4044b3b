/**
 * The header of one safetensors file.
 *
 * Owns: the format: 8 bytes of header length, a JSON header, then the data without holes or overlaps.
 * Does not own: which tensors a network has (network-tensors.ts), how shards make up a checkpoint
 * (tensor-table.ts). The data itself is never read here: the runtime maps it.
 */

import { type FileHandle, open } from "node:fs/promises";
import { z } from "zod";
import { ApiError } from "#shared/contracts/errors.ts";

/** Element types that the graph can widen to float32. */
export type FloatType = "F32" | "BF16" | "F16";

/** Element types that a checkpoint may hold; bytes are levels of quantised weights (quantization.ts). */
export type TensorType = FloatType | "I8" | "U8";

/** Where a tensor's little-endian, row-major data lies. */
export interface TensorEntry {
  readonly type: TensorType;
  readonly shape: readonly number[];
  /** Bytes from the start of the file. */
  readonly byteOffset: number;
  readonly byteLength: number;
}

/** Size of an element. */
export const BYTES_PER_ELEMENT: Readonly<Record<TensorType, number>> = {
  F32: 4,
  BF16: 2,
  F16: 2,
  I8: 1,
  U8: 1,
};

/** As the reference reader: more is a corrupt length, not a header. */
const MAX_HEADER_BYTES = 100_000_000;

const size = z.int().nonnegative();
const entrySchema = z.strictObject({
  dtype: z.string(),
  shape: z.array(size),
  data_offsets: z.tuple([size, size]),
});
type RawEntry = z.output<typeof entrySchema>;

/**
 * Reads the header of a safetensors file.
 *
 * @param path The file.
 * @param label Its name in error messages.
 * @returns The tensors by name.
 * @throws {ApiError} `checkpoint_not_found`; `checkpoint_corrupt` if the header is not sane or the
 *   data is cut short; `tensor_not_supported` for an element type other than those of {@link TensorType}.
 */
export async function readSafetensorsHeader(
  path: string,
  label: string,
): Promise<ReadonlyMap<string, TensorEntry>> {
  const file = await openFile(path, label);
  try {
    const stats = await file.stat();
    if (!stats.isFile()) {
      throw corrupt(label, "is not a file");
    }
    const fileBytes = stats.size;
    const header = await readHeaderJson(file, fileBytes, label);
    return parseEntries(header, fileBytes, label);
  } finally {
    await file.close();
  }
}

async function openFile(path: string, label: string): Promise<FileHandle> {
  try {
    return await open(path, "r");
  } catch (cause) {
    throw new ApiError("checkpoint_not_found", `${label} cannot be opened.`, {
      param: label,
      cause,
    });
  }
}

async function readHeaderJson(
  file: FileHandle,
  fileBytes: number,
  label: string,
): Promise<{ readonly json: unknown; readonly dataOffset: number }> {
  if (fileBytes < 8) {
    throw corrupt(label, "is too short to hold a header");
  }
  const prefix = Buffer.alloc(8);
  await file.read(prefix, 0, 8, 0);
  const headerBytes = prefix.readBigUInt64LE();
  if (headerBytes > BigInt(Math.min(fileBytes - 8, MAX_HEADER_BYTES))) {
    throw corrupt(label, "gives a header length beyond the file");
  }
  const header = Buffer.alloc(Number(headerBytes));
  await file.read(header, 0, header.length, 8);
  try {
    return { json: JSON.parse(header.toString("utf8")), dataOffset: 8 + header.length };
  } catch {
    throw corrupt(label, "has a header that is not JSON");
  }
}

function parseEntries(
  header: { readonly json: unknown; readonly dataOffset: number },
  fileBytes: number,
  label: string,
): ReadonlyMap<string, TensorEntry> {
  const result = z.record(z.string(), z.unknown()).safeParse(header.json);
  if (!result.success) {
    throw corrupt(label, "has a header that is not an object");
  }
  const entries = new Map<string, TensorEntry>();
  for (const [name, value] of Object.entries(result.data)) {
    if (name !== "__metadata__") {
      entries.set(name, parseEntry(name, value, header.dataOffset, label));
    }
  }
  checkLayout(entries, header.dataOffset, fileBytes, label);
  return entries;
}

function parseEntry(name: string, value: unknown, dataOffset: number, label: string): TensorEntry {
  const result = entrySchema.safeParse(value);
  if (!result.success) {
    throw corrupt(label, `has a malformed entry for ${name}`);
  }
  const { dtype, shape, data_offsets: offsets }: RawEntry = result.data;
  if (!isTensorType(dtype)) {
    throw new ApiError(
      "tensor_not_supported",
      `${label}: ${name} has elements of type ${dtype}, which no network here has.`,
      { param: name },
    );
  }
  const byteLength = offsets[1] - offsets[0];
  const expectedBytes = shape.reduce((product, side) => product * side, BYTES_PER_ELEMENT[dtype]);
  if (byteLength !== expectedBytes) {
    throw corrupt(label, `gives ${name} ${byteLength} bytes where its shape asks ${expectedBytes}`);
  }
  return { type: dtype, shape, byteOffset: dataOffset + offsets[0], byteLength };
}

function isTensorType(value: string): value is TensorType {
  return Object.hasOwn(BYTES_PER_ELEMENT, value);
}

/** Refuses holes, overlaps, and data that is longer or shorter than the tensors. */
function checkLayout(
  entries: ReadonlyMap<string, TensorEntry>,
  dataOffset: number,
  fileBytes: number,
  label: string,
): void {
  const inOrder = [...entries].sort(
    ([, a], [, b]) => a.byteOffset - b.byteOffset || a.byteLength - b.byteLength,
  );
  let end = dataOffset;
  for (const [name, entry] of inOrder) {
    if (entry.byteOffset !== end) {
      const fault = entry.byteOffset < end ? "overlaps another tensor" : "leaves a hole before it";
      throw corrupt(label, `is inconsistent: ${name} ${fault}`);
    }
    end += entry.byteLength;
    if (end > fileBytes) {
      throw corrupt(label, `is cut short: ${name} ends beyond the file`);
    }
  }
  if (end !== fileBytes) {
    throw corrupt(label, "holds data that belongs to no tensor");
  }
}

function corrupt(label: string, complaint: string): ApiError {
  return new ApiError("checkpoint_corrupt", `${label} ${complaint}.`, { param: label });
}
