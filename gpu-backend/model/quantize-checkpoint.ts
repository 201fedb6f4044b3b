/**
 * Writes a checkpoint again with its linear weights in a quantised form.
 *
 * Owns: the new folder: which tensors change, one shard per shard of the source, the config's key, and
 * that a folder without `config.json`, which is written last, is no checkpoint.
 * Does not own: rounding (quantize-weight.ts), names of the form (quantization.ts).
 */

import { constants } from "node:fs";
import {
  copyFile,
  type FileHandle,
  open,
  readdir,
  readFile,
  stat,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import type { Checkpoint } from "./checkpoint.ts";
import { QUANTIZATION_KEY } from "./checkpoint-config.ts";
import { EMBEDDING_TENSOR, isLinearWeight } from "./network-tensors.ts";
import { describeQuantizedForm, type Quantization, type StoredTensor } from "./quantization.ts";
import { readBytes, readRows } from "./quantize-source.ts";
import { createQuantizer } from "./quantize-weight.ts";
import { countBytes, createShard, type ShardWriter } from "./quantized-shard.ts";
import type { TensorLocation } from "./tensor-table.ts";

/** A tensor of the source with what stands for it in the new folder. */
interface Conversion {
  readonly name: string;
  readonly tensor: TensorLocation;
  /** True if its bytes are copied, before its quantised form if it has one. */
  readonly isCopied: boolean;
  readonly isQuantized: boolean;
  /** In the order in which they are written. */
  readonly written: readonly StoredTensor[];
}

/** Files that hold or describe the source's weights; the new folder has its own. */
const WEIGHT_FILE = /^config\.json$|\.safetensors(\.index\.json)?$|\.(bin|bin\.index\.json|pth?)$/;

/**
 * Writes the quantised checkpoint into an empty folder.
 *
 * Tensors that are not quantised, and the folder's other files (tokenizer, template, licence), are copied
 * byte for byte. Holds one quantised weight in memory at a time.
 *
 * @param checkpoint As published: not quantised.
 * @param out An existing, empty folder.
 * @param onProgress Called after each tensor with the share that is done, in (0, 1].
 * @throws {ApiError} `checkpoint_corrupt` if a weight is not finite; `param` is its name.
 * @throws {Error} The file system's, if `out` cannot be written or is full.
 */
export async function quantizeCheckpoint(
  checkpoint: Checkpoint,
  quantization: Quantization,
  out: string,
  onProgress: (share: number) => void,
): Promise<void> {
  const { table } = checkpoint;
  const all = listConversions(checkpoint, quantization);
  const totalBytes = sum(all.map(({ tensor }) => tensor.byteLength));
  const weightMap: Record<string, string> = {};
  let doneBytes = 0;
  for (const [index, path] of table.files.entries()) {
    const conversions = all.filter(({ tensor }) => join(table.folder, tensor.location) === path);
    const name = shardName(index, table.files.length);
    const written = conversions.flatMap((conversion) => conversion.written);
    for (const tensor of written) weightMap[tensor.name] = name;
    await using(open(path, "r"), (file) =>
      using(createShard(join(out, name), written), async (shard) => {
        for (const conversion of conversions) {
          await convert(conversion, quantization, file, shard);
          doneBytes += conversion.tensor.byteLength;
          onProgress(doneBytes / totalBytes);
        }
      }),
    );
  }
  if (table.files.length > 1) {
    const metadata = { total_size: countQuantizedBytes(checkpoint, quantization) };
    await writeJson(join(out, "model.safetensors.index.json"), { metadata, weight_map: weightMap });
  }
  await copyOtherFiles(checkpoint.directory, out);
  await writeConfig(checkpoint.directory, out, quantization);
}

/** Bytes of the tensors that {@link quantizeCheckpoint} writes. */
export function countQuantizedBytes(checkpoint: Checkpoint, quantization: Quantization): number {
  const conversions = listConversions(checkpoint, quantization);
  return sum(conversions.flatMap(({ written }) => written.map(countBytes)));
}

function listConversions(checkpoint: Checkpoint, quantization: Quantization): Conversion[] {
  return [...checkpoint.table.tensors].map(([name, tensor]) => {
    const { shape, type } = tensor;
    const isQuantized = isLinearWeight(checkpoint.config, name, shape);
    const isCopied = !isQuantized || name === EMBEDDING_TENSOR;
    const written: StoredTensor[] = isCopied ? [{ name, shape, type }] : [];
    if (isQuantized) {
      const { levels, scales } = describeQuantizedForm(name, shape, quantization);
      written.push(scales, levels);
    }
    return { name, tensor, isCopied, isQuantized, written };
  });
}

async function convert(
  { name, tensor, isCopied, isQuantized }: Conversion,
  quantization: Quantization,
  file: FileHandle,
  shard: ShardWriter,
): Promise<void> {
  if (isCopied) {
    for await (const bytes of readBytes(file, tensor)) await shard.append(bytes);
  }
  if (isQuantized) {
    const [outputs = 0, inputs = 0] = tensor.shape;
    const quantizer = createQuantizer(quantization, outputs, inputs);
    for await (const rows of readRows(file, name, tensor)) quantizer.take(rows);
    const { buffer } = quantizer.scales;
    await shard.append(new Uint8Array(buffer));
    await shard.append(quantizer.levels);
  }
}

async function copyOtherFiles(from: string, to: string): Promise<void> {
  for (const name of await readdir(from)) {
    const path = join(from, name);
    if (!name.startsWith(".") && !WEIGHT_FILE.test(name) && (await stat(path)).isFile()) {
      await copyFile(path, join(to, name), constants.COPYFILE_EXCL);
    }
  }
}

async function writeConfig(from: string, to: string, quantization: Quantization): Promise<void> {
  const config = JSON.parse(await readFile(join(from, "config.json"), "utf8"));
  await writeJson(join(to, "config.json"), { ...config, [QUANTIZATION_KEY]: quantization });
}

async function writeJson(path: string, value: unknown): Promise<void> {
  await writeFile(path, `${JSON.stringify(value, null, 2)}\n`, { flag: "wx" });
}

/** As published checkpoints are named; a single file is found without an index. */
function shardName(index: number, count: number): string {
  const number = (value: number): string => String(value).padStart(5, "0");
  return count === 1
    ? "model.safetensors"
    : `model-${number(index + 1)}-of-${number(count)}.safetensors`;
}

async function using<Resource extends { close(): Promise<void> }>(
  opening: Promise<Resource>,
  work: (resource: Resource) => Promise<void>,
): Promise<void> {
  const resource = await opening;
  try {
    await work(resource);
  } finally {
    await resource.close();
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
