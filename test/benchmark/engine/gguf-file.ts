/**
 * Writes a checkpoint as a GGUF file, the form in which ggml takes a network.
 *
 * Owns: the layout of the file, LLaDA's names there, and the order in which llama.cpp rotates a head.
 * Float32 weights only; the vocabulary's texts are names, for nothing here reads text.
 * Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md and llama.cpp's conversion of LLaDA.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Checkpoint } from "../../../gpu-backend/model/checkpoint.ts";
import type { CheckpointConfig } from "../../../gpu-backend/model/checkpoint-config.ts";

const VERSION = 3;
const ALIGNMENT = 32;
const FLOAT32_TENSOR = 0;

type MetadataValue =
  | { readonly uint32: number }
  | { readonly float32: number }
  | { readonly bool: boolean }
  | { readonly string: string }
  | { readonly strings: readonly string[] };

const LAYER_NAMES: Readonly<Record<string, string>> = {
  attn_norm: "attn_norm",
  q_proj: "attn_q",
  k_proj: "attn_k",
  v_proj: "attn_v",
  attn_out: "attn_output",
  ff_norm: "ffn_norm",
  ff_proj: "ffn_gate",
  up_proj: "ffn_up",
  ff_out: "ffn_down",
};
const OUTER_NAMES: Readonly<Record<string, string>> = {
  wte: "token_embd",
  ln_f: "output_norm",
  ff_out: "output",
};

/** @throws {RangeError} if a tensor is not float32. */
export function writeGguf(checkpoint: Checkpoint, path: string): void {
  const { config, table } = checkpoint;
  const tensors = [...table.tensors].map(([name, tensor]) => {
    if (tensor.type !== "F32") throw new RangeError(`${name} is not float32`);
    const file = readFileSync(join(table.folder, tensor.location));
    const data = file.subarray(tensor.byteOffset, tensor.byteOffset + tensor.byteLength);
    return { name: renameTensor(name), shape: tensor.shape, data: arrange(config, name, data) };
  });
  const metadata = Object.entries(describe(config));
  const writer = new ByteWriter();
  writer.bytes(Buffer.from("GGUF"));
  writer.uint32(VERSION);
  writer.uint64(tensors.length);
  writer.uint64(metadata.length);
  for (const [key, value] of metadata) writer.metadata(key, value);
  let offset = 0;
  for (const { name, shape, data } of tensors) {
    writer.string(name);
    writer.uint32(shape.length);
    // The innermost dimension first.
    for (const side of [...shape].reverse()) writer.uint64(side);
    writer.uint32(FLOAT32_TENSOR);
    writer.uint64(offset);
    offset += Math.ceil(data.length / ALIGNMENT) * ALIGNMENT;
  }
  for (const { data } of tensors) {
    writer.align(ALIGNMENT);
    writer.bytes(data);
  }
  writeFileSync(path, writer.finish());
}

function describe(config: CheckpointConfig): Record<string, MetadataValue> {
  const { vocabularySize, embeddingSize } = config;
  const tokens = Array.from({ length: embeddingSize }, (_, id) => `<${id}>`);
  return {
    "general.architecture": { string: "llada" },
    "general.name": { string: "unmask-bench" },
    "llada.block_count": { uint32: config.layerCount },
    "llada.context_length": { uint32: config.maxSequenceLength },
    "llada.embedding_length": { uint32: config.modelSize },
    "llada.feed_forward_length": { uint32: config.mlpHiddenSize },
    "llada.attention.head_count": { uint32: config.headCount },
    "llada.attention.head_count_kv": { uint32: config.kvHeadCount },
    "llada.attention.causal": { bool: false },
    "llada.attention.layer_norm_rms_epsilon": { float32: config.rmsNormEpsilon },
    "llada.rope.freq_base": { float32: config.ropeTheta },
    "llada.rope.dimension_count": { uint32: config.headSize },
    "llada.vocab_size": { uint32: Math.max(vocabularySize, embeddingSize) },
    "diffusion.shift_logits": { bool: false },
    "tokenizer.ggml.model": { string: "gpt2" },
    "tokenizer.ggml.pre": { string: "default" },
    "tokenizer.ggml.tokens": { strings: tokens },
    "tokenizer.ggml.merges": { strings: ["< 0"] },
    "tokenizer.ggml.bos_token_id": { uint32: config.eosTokenId },
    "tokenizer.ggml.eos_token_id": { uint32: config.eosTokenId },
    "tokenizer.ggml.mask_token_id": { uint32: config.maskTokenId },
    "tokenizer.ggml.add_bos_token": { bool: false },
  };
}

function renameTensor(name: string): string {
  const layer = /^model\.transformer\.blocks\.(\d+)\.(\w+)\.weight$/.exec(name);
  const outer = /^model\.transformer\.(\w+)\.weight$/.exec(name);
  const renamed =
    layer === null
      ? OUTER_NAMES[outer?.[1] ?? ""]
      : LAYER_NAMES[layer[2] ?? ""] && `blk.${layer[1]}.${LAYER_NAMES[layer[2] ?? ""]}`;
  if (renamed === undefined) throw new RangeError(`${name} has no name in GGUF`);
  return `${renamed}.weight`;
}

/** llama.cpp rotates neighbours, LLaDA the halves of a head: rows of queries and keys change places. */
function arrange(config: CheckpointConfig, name: string, data: Buffer): Buffer {
  if (!/\.(q|k)_proj\./.test(name)) return data;
  const { headSize, modelSize } = config;
  const rowBytes = 4 * modelSize;
  const arranged = Buffer.alloc(data.length);
  for (let row = 0; row < data.length / rowBytes; row += 1) {
    const inHead = row % headSize;
    const half = inHead >> 1;
    const from = row - inHead + half + (inHead % 2 === 0 ? 0 : headSize / 2);
    data.copy(arranged, row * rowBytes, from * rowBytes, (from + 1) * rowBytes);
  }
  return arranged;
}

/** Little-endian bytes, one after another. */
class ByteWriter {
  readonly #parts: Uint8Array[] = [];
  #length = 0;

  bytes(bytes: Uint8Array): void {
    this.#parts.push(bytes);
    this.#length += bytes.length;
  }

  align(alignment: number): void {
    const rest = this.#length % alignment;
    if (rest > 0) this.bytes(new Uint8Array(alignment - rest));
  }

  uint32(value: number): void {
    this.bytes(new Uint8Array(Uint32Array.of(value).buffer));
  }

  uint64(value: number): void {
    this.bytes(new Uint8Array(BigUint64Array.of(BigInt(value)).buffer));
  }

  string(text: string): void {
    const bytes = Buffer.from(text);
    this.uint64(bytes.length);
    this.bytes(bytes);
  }

  /** A key, the type's number, the value. */
  metadata(key: string, value: MetadataValue): void {
    this.string(key);
    if ("uint32" in value) {
      this.uint32(4);
      this.uint32(value.uint32);
    } else if ("float32" in value) {
      this.uint32(6);
      this.bytes(new Uint8Array(Float32Array.of(value.float32).buffer));
    } else if ("bool" in value) {
      this.uint32(7);
      this.bytes(Uint8Array.of(value.bool ? 1 : 0));
    } else if ("string" in value) {
      this.uint32(8);
      this.string(value.string);
    } else {
      this.uint32(9);
      this.uint32(8);
      this.uint64(value.strings.length);
      for (const text of value.strings) this.string(text);
    }
  }

  finish(): Buffer {
    return Buffer.concat(this.#parts);
  }
}
