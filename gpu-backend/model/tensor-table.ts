/**
 * The tensors of a checkpoint directory, over all its shards.
 *
 * Owns: `model.safetensors`, or `model.safetensors.index.json` with its shards; links are followed.
 */

import { readFile, realpath } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { z } from "zod";
import { ApiError } from "#shared/contracts/errors.ts";
import { readSafetensorsHeader, type TensorEntry } from "./safetensors.ts";

const SINGLE_FILE = "model.safetensors";
const INDEX_FILE = "model.safetensors.index.json";

/** A tensor and the file that holds it. */
export interface TensorLocation extends TensorEntry {
  /** The file's path relative to {@link TensorTable.folder}, `/` between parts. */
  readonly location: string;
}

/** Where every tensor of a checkpoint lies. */
export interface TensorTable {
  /** Real directory, free of links, that holds all the shards, directly or in folders below. */
  readonly folder: string;
  /** Real paths of the shards, in the order of their names. */
  readonly files: readonly string[];
  readonly tensors: ReadonlyMap<string, TensorLocation>;
}

interface Shard {
  readonly name: string;
  readonly path: string;
  readonly entries: ReadonlyMap<string, TensorEntry>;
}

const indexSchema = z.looseObject({
  weight_map: z.record(z.string(), z.string()),
});

/**
 * Reads the headers of all shards of a checkpoint.
 *
 * @throws {ApiError} `checkpoint_not_found`, `checkpoint_corrupt` or `tensor_not_supported`, as
 *   {@link readSafetensorsHeader}; `checkpoint_corrupt` if the index and the shards disagree.
 */
export async function readTensorTable(directory: string): Promise<TensorTable> {
  const weightMap = await readWeightMap(directory);
  const names = weightMap === null ? [SINGLE_FILE] : [...new Set(weightMap.values())].sort();
  const shards = await Promise.all(names.map((name) => readShard(directory, name)));
  if (weightMap !== null) {
    checkWeightMap(weightMap, shards);
  }
  const folder = commonFolder(shards.map((shard) => shard.path));
  return {
    folder,
    files: shards.map((shard) => shard.path),
    tensors: mergeShards(shards, folder),
  };
}

/** Returns null where the checkpoint is a single file. */
async function readWeightMap(directory: string): Promise<ReadonlyMap<string, string> | null> {
  if (await exists(join(directory, SINGLE_FILE))) {
    return null;
  }
  const path = join(directory, INDEX_FILE);
  if (!(await exists(path))) {
    throw new ApiError(
      "checkpoint_not_found",
      `The checkpoint has neither ${SINGLE_FILE} nor ${INDEX_FILE}.`,
      { param: SINGLE_FILE },
    );
  }
  const result = indexSchema.safeParse(await readIndexJson(path));
  if (!result.success) {
    throw corrupt(INDEX_FILE, `${INDEX_FILE} has no weight_map of tensor names to file names.`);
  }
  const weightMap = new Map(Object.entries(result.data.weight_map));
  for (const file of weightMap.values()) {
    if (!/^[\w-][\w.-]*\.safetensors$/.test(file)) {
      throw corrupt(INDEX_FILE, `${INDEX_FILE} names ${file}, which is no name of a shard.`);
    }
  }
  return weightMap;
}

async function readIndexJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, "utf8"));
  } catch {
    throw corrupt(INDEX_FILE, `${INDEX_FILE} is not a file of JSON.`);
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await realpath(path);
    return true;
  } catch {
    return false;
  }
}

async function readShard(directory: string, name: string): Promise<Shard> {
  const link = join(directory, name);
  const entries = await readSafetensorsHeader(link, name);
  return { name, path: await realpath(link), entries };
}

function checkWeightMap(weightMap: ReadonlyMap<string, string>, shards: readonly Shard[]): void {
  const shardOf = new Map(shards.map((shard) => [shard.name, shard]));
  for (const [tensor, file] of weightMap) {
    if (!shardOf.get(file)?.entries.has(tensor)) {
      throw corrupt(tensor, `${INDEX_FILE} places ${tensor} in ${file}, which lacks it.`);
    }
  }
  for (const shard of shards) {
    for (const tensor of shard.entries.keys()) {
      if (weightMap.get(tensor) !== shard.name) {
        throw corrupt(tensor, `${shard.name} holds ${tensor}, which ${INDEX_FILE} does not say.`);
      }
    }
  }
}

function mergeShards(
  shards: readonly Shard[],
  folder: string,
): ReadonlyMap<string, TensorLocation> {
  const tensors = new Map<string, TensorLocation>();
  for (const shard of shards) {
    const location = relative(folder, shard.path).split(sep).join("/");
    for (const [name, entry] of shard.entries) {
      tensors.set(name, { ...entry, location });
    }
  }
  return tensors;
}

/** The deepest folder above all of `paths`. */
function commonFolder(paths: readonly string[]): string {
  let folder = dirname(paths[0] ?? "");
  while (!paths.every((path) => path.startsWith(folder.endsWith(sep) ? folder : folder + sep))) {
    folder = dirname(folder);
  }
  return folder;
}

function corrupt(param: string, message: string): ApiError {
  return new ApiError("checkpoint_corrupt", message, { param });
}
