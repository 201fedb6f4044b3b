/** Reads the data of a checkpoint's tensors in pieces, so that no tensor need fit in memory. */

import type { FileHandle } from "node:fs/promises";
import { endianness } from "node:os";
import { ApiError } from "#shared/contracts/errors.ts";
import { BYTES_PER_ELEMENT, type TensorEntry, type TensorType } from "./safetensors.ts";

const PIECE_BYTES = 1 << 22;

/** Fewer rows would make the transposition of a slab jump through memory. */
const MIN_ROWS = 64;

/** Yields a tensor's bytes, in order. */
export async function* readBytes(
  file: FileHandle,
  { byteOffset, byteLength }: TensorEntry,
  pieceBytes = PIECE_BYTES,
): AsyncGenerator<Uint8Array> {
  for (let done = 0; done < byteLength; done += pieceBytes) {
    const piece = Buffer.alloc(Math.min(pieceBytes, byteLength - done));
    for (let filled = 0; filled < piece.length; ) {
      const position = byteOffset + done + filled;
      const { bytesRead } = await file.read(piece, filled, piece.length - filled, position);
      if (bytesRead === 0) {
        throw new ApiError("checkpoint_corrupt", "A shard became shorter while it was read.");
      }
      filled += bytesRead;
    }
    yield piece;
  }
}

/**
 * Yields the rows of a matrix in slabs, widened to float32.
 *
 * @returns Each `[n, row length]` row-major, owned by the caller.
 * @throws {ApiError} `checkpoint_corrupt` if an element is not finite; `param` is `name`.
 */
export async function* readRows(
  file: FileHandle,
  name: string,
  tensor: TensorEntry,
): AsyncGenerator<Float32Array> {
  const rowBytes = (tensor.shape.at(-1) ?? 1) * BYTES_PER_ELEMENT[tensor.type];
  const rowsPerPiece = Math.max(MIN_ROWS, Math.floor(PIECE_BYTES / rowBytes));
  for await (const piece of readBytes(file, tensor, rowsPerPiece * rowBytes)) {
    const rows = widen(piece, tensor.type);
    if (!areFinite(rows)) {
      throw new ApiError("checkpoint_corrupt", `${name} holds a value that is not finite.`, {
        param: name,
      });
    }
    yield rows;
  }
}

function widen(bytes: Uint8Array, type: TensorType): Float32Array {
  if (endianness() === "BE") {
    throw new ApiError("internal_error", "Weights are read on little-endian machines only.");
  }
  const { buffer } = bytes.slice();
  if (type === "F32") return new Float32Array(buffer);
  const halves = new Uint16Array(buffer);
  if (type === "F16") return Float32Array.from(halves, widenFloat16);
  const words = new Uint32Array(halves.length);
  for (let i = 0; i < halves.length; i += 1) words[i] = (halves[i] as number) << 16;
  return new Float32Array(words.buffer);
}

/** True if all are numbers proper: anything else makes the sum of `value * 0` not zero. */
function areFinite(values: Float32Array): boolean {
  let sum = 0;
  for (let i = 0; i < values.length; i += 1) sum += (values[i] as number) * 0;
  return sum === 0;
}

function widenFloat16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
