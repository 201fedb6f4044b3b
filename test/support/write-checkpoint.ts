/** Writes small random checkpoints in LLaDA's Hugging Face layout, and safetensors files of any content. */

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseCheckpointConfig } from "../../gpu-backend/model/checkpoint-config.ts";
import { listNetworkTensors } from "../../gpu-backend/model/network-tensors.ts";
import type { FloatType } from "../../gpu-backend/model/safetensors.ts";

/** A tensor to write; `data` is little-endian, row-major. */
export interface WrittenTensor {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/** Keys of `config.json` for a network of two layers; every case changes some. */
export const TINY_CONFIG = {
  activation_type: "silu",
  block_type: "llama",
  d_model: 32,
  embedding_size: 64,
  eos_token_id: 60,
  layer_norm_type: "rms",
  mask_token_id: 61,
  max_sequence_length: 64,
  mlp_hidden_size: 48,
  model_type: "llada",
  n_heads: 4,
  n_kv_heads: 4,
  n_layers: 2,
  pad_token_id: 60,
  rms_norm_eps: 1e-5,
  rope: true,
  rope_theta: 500_000,
  vocab_size: 62,
  weight_tying: false,
} as const;

/** What to write; the same options give the same bytes. */
export interface CheckpointOptions {
  /** Keys of `config.json` that differ from {@link TINY_CONFIG}; `undefined` leaves a key out. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly type?: FloatType;
  readonly shardCount?: number;
  readonly seed?: number;
}

/** Writes a checkpoint with random weights into `directory`, which is created. */
export function writeCheckpoint(directory: string, options: CheckpointOptions = {}): void {
  const config = { ...TINY_CONFIG, ...options.config };
  const tensors = randomTensors(config, options.type ?? "F32", options.seed ?? 1);
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, "config.json"), JSON.stringify(config));
  const shardCount = options.shardCount ?? 1;
  if (shardCount === 1) {
    writeSafetensors(join(directory, "model.safetensors"), tensors);
    return;
  }
  const weightMap: Record<string, string> = {};
  for (let shard = 0; shard < shardCount; shard += 1) {
    const file = `model-0000${shard + 1}-of-0000${shardCount}.safetensors`;
    const mine = tensors.filter((_, i) => i % shardCount === shard);
    writeSafetensors(join(directory, file), mine);
    for (const tensor of mine) {
      weightMap[tensor.name] = file;
    }
  }
  writeFileSync(
    join(directory, "model.safetensors.index.json"),
    JSON.stringify({ metadata: {}, weight_map: weightMap }),
  );
}

/** Writes a safetensors file; entries of `changes` replace those of the header. */
export function writeSafetensors(
  path: string,
  tensors: readonly WrittenTensor[],
  changes: Readonly<Record<string, unknown>> = {},
): void {
  const header: Record<string, unknown> = { __metadata__: { format: "pt" } };
  let offset = 0;
  for (const { name, type, shape, data } of tensors) {
    header[name] = { dtype: type, shape, data_offsets: [offset, offset + data.length] };
    offset += data.length;
  }
  const text = Buffer.from(JSON.stringify({ ...header, ...changes }));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(text.length));
  writeFileSync(path, Buffer.concat([prefix, text, ...tensors.map(({ data }) => data)]));
}

/** Random tensors for the network of a config: weights about 0, norms about 1. */
export function randomTensors(config: unknown, type: FloatType, seed: number): WrittenTensor[] {
  const random = createRandom(seed);
  return [...listNetworkTensors(parseCheckpointConfig(config))].map(([name, shape]) => {
    const count = shape.reduce((product, side) => product * side, 1);
    const isNorm = shape.length === 1;
    const values = Float32Array.from({ length: count }, () =>
      isNorm ? 0.5 + random() : (random() - 0.5) * 0.7,
    );
    return { name, type, shape, data: encodeValues(values, type) };
  });
}

/** Uniform in [0, 1); mulberry32. */
export function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function encodeValues(values: Float32Array, type: FloatType): Uint8Array {
  const bits = new Uint32Array(values.buffer);
  if (type === "F32") {
    return new Uint8Array(values.buffer);
  }
  return new Uint8Array(Uint16Array.from(bits, type === "BF16" ? toBfloat16 : toFloat16).buffer);
}

/** Rounds towards zero. */
function toBfloat16(bits: number): number {
  return bits >>> 16;
}

/** Rounds towards zero; below the smallest normal number, to zero. */
function toFloat16(bits: number): number {
  const exponent = ((bits >>> 23) & 0xff) - 127 + 15;
  return exponent <= 0 ? 0 : ((bits >>> 16) & 0x8000) | (exponent << 10) | ((bits >>> 13) & 0x3ff);
}
