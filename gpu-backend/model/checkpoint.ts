import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { ApiError } from "#shared/contracts/errors.ts";
import { CAUSAL_KEY, type CheckpointConfig, parseCheckpointConfig } from "./checkpoint-config.ts";
import { checkNetworkTensors, listNetworkTensors } from "./network-tensors.ts";
import { readTensorTable, type TensorTable } from "./tensor-table.ts";

/** A checkpoint whose config and tensors fit the network; weights are still on disk. */
export interface Checkpoint {
  readonly directory: string;
  readonly config: CheckpointConfig;
  readonly table: TensorTable;
  /** Weights of the published network, tied ones once. */
  readonly parameterCount: number;
  /** Latest modification of a shard, epoch milliseconds. */
  readonly modifiedAt: number;
}

/** What a network predicts: masked tokens from both sides, or the next token. */
export type NetworkKind = "diffusion" | "autoregressive";

/**
 * Reads and checks a checkpoint in the Hugging Face layout: `config.json` and safetensors headers.
 *
 * @param kind The other one is refused: only a mask predictor can be sampled from by denoising.
 * @throws {ApiError} `checkpoint_not_found`, `checkpoint_corrupt`, `config_not_supported`,
 *   `tensor_missing` or `tensor_not_supported`; `param` is the file, key or tensor.
 */
export async function readCheckpoint(
  directory: string,
  kind: NetworkKind = "diffusion",
): Promise<Checkpoint> {
  const config = parseCheckpointConfig(await readConfigJson(directory));
  checkKind(config, kind);
  const table = await readTensorTable(directory);
  checkNetworkTensors(config, table.tensors);
  const stats = await Promise.all(table.files.map((file) => stat(file)));
  return {
    directory,
    config,
    table,
    parameterCount: countParameters(config),
    modifiedAt: Math.max(...stats.map((file) => Math.floor(file.mtimeMs))),
  };
}

/**
 * Digests the contents of the shards, in the order of their names; reads all the weights.
 *
 * @returns SHA-256 in lower-case hexadecimal.
 */
export async function digestCheckpoint(checkpoint: Checkpoint): Promise<string> {
  const hash = createHash("sha256");
  for (const file of checkpoint.table.files) {
    for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) {
      hash.update(chunk);
    }
  }
  return hash.digest("hex");
}

async function readConfigJson(directory: string): Promise<unknown> {
  let content: string;
  try {
    content = await readFile(join(directory, "config.json"), "utf8");
  } catch (cause) {
    throw new ApiError("checkpoint_not_found", "The checkpoint has no readable config.json.", {
      param: "config.json",
      cause,
    });
  }
  try {
    return JSON.parse(content);
  } catch {
    throw new ApiError("checkpoint_corrupt", "config.json is not JSON.", { param: "config.json" });
  }
}

function checkKind({ isCausal }: CheckpointConfig, kind: NetworkKind): void {
  if (isCausal === (kind === "autoregressive")) return;
  const fault = isCausal
    ? "marks an autoregressive model, which predicts no mask: it is for evaluation alone"
    : "is not set: this is no autoregressive model";
  throw new ApiError("config_not_supported", `config.json: ${CAUSAL_KEY} ${fault}.`, {
    param: CAUSAL_KEY,
  });
}

function countParameters(config: CheckpointConfig): number {
  let total = 0;
  for (const shape of listNetworkTensors(config).values()) {
    total += shape.reduce((product, side) => product * side, 1);
  }
  return total;
}
