import { open } from "node:fs/promises";
import type { StoredTensor } from "./quantization.ts";
import { BYTES_PER_ELEMENT } from "./safetensors.ts";

/** A safetensors file under way: its tensors' bytes are appended in the order of its header. */
export interface ShardWriter {
  append(bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** Size of a tensor's data. */
export function countBytes({ shape, type }: StoredTensor): number {
  return shape.reduce((product, side) => product * side, BYTES_PER_ELEMENT[type]);
}

/**
 * Creates a safetensors file and writes its header.
 *
 * @throws {Error} The file system's; also if the file exists.
 */
export async function createShard(
  path: string,
  tensors: readonly StoredTensor[],
): Promise<ShardWriter> {
  const header: Record<string, unknown> = { __metadata__: { format: "pt" } };
  let offset = 0;
  for (const tensor of tensors) {
    const end = offset + countBytes(tensor);
    header[tensor.name] = {
      dtype: tensor.type,
      shape: tensor.shape,
      data_offsets: [offset, end],
    };
    offset = end;
  }
  const json = JSON.stringify(header);
  // The format's own writers align the data to 8 bytes with spaces.
  const text = Buffer.from(json.padEnd(Math.ceil(json.length / 8) * 8));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(text.length));
  const file = await open(path, "wx");
  await file.writeFile(Buffer.concat([prefix, text]));
  return {
    append: (bytes) => file.writeFile(bytes),
    close: () => file.close(),
  };
}
