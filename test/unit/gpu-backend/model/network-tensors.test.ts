import { describe, it } from "vitest";
import { parseCheckpointConfig } from "../../../../gpu-backend/model/checkpoint-config.ts";
import {
  checkNetworkTensors,
  HEAD_TENSOR,
  listNetworkTensors,
} from "../../../../gpu-backend/model/network-tensors.ts";
import type { TensorLocation } from "../../../../gpu-backend/model/tensor-table.ts";
import { TINY_CONFIG } from "../../../support/write-checkpoint.ts";

const CONFIG = parseCheckpointConfig({ ...TINY_CONFIG, n_kv_heads: 2 });
const KEYS = "model.transformer.blocks.1.k_proj.weight";

function locate(shapes: Iterable<readonly [string, readonly number[]]>) {
  const place = { type: "F32", byteOffset: 0, byteLength: 0, location: "x" } as const;
  return new Map(
    [...shapes].map(([name, shape]): [string, TensorLocation] => [name, { ...place, shape }]),
  );
}

function change(name: string, shape: readonly number[] | null) {
  const shapes = new Map(listNetworkTensors(CONFIG));
  shapes.delete(name);
  return locate(shape === null ? shapes : [...shapes, [name, shape]]);
}

describe("listNetworkTensors", () => {
  it("lists nine tensors a layer, the embedding, the final norm and the head", ({ expect }) => {
    const shapes = listNetworkTensors(CONFIG);
    expect(shapes.size).toBe(2 * 9 + 3);
    expect(shapes.get(KEYS)).toEqual([16, 32]);
  });

  it("lists no head where weights are tied", ({ expect }) => {
    expect(listNetworkTensors({ ...CONFIG, hasTiedWeights: true }).has(HEAD_TENSOR)).toBe(false);
  });
});

describe("checkNetworkTensors", () => {
  it("accepts just these tensors", ({ expect }) => {
    const tensors = locate(listNetworkTensors(CONFIG));
    expect(() => checkNetworkTensors(CONFIG, tensors)).not.toThrow();
  });

  it.for([
    ["tensor_missing", KEYS, null],
    ["tensor_not_supported", "model.transformer.blocks.2.k_proj.weight", [16, 32]],
    ["tensor_not_supported", "model.transformer.blocks.0.k_proj.bias", [16]],
    ["checkpoint_corrupt", KEYS, [32, 16]],
    ["checkpoint_corrupt", KEYS, [32, 32]],
  ] as const)("answers %s and names %s of shape %j", ([code, name, shape], { expect }) => {
    expect(() => checkNetworkTensors(CONFIG, change(name, shape))).toThrowError(
      expect.objectContaining({ code, param: name, message: expect.stringContaining(name) }),
    );
  });

  it("says both shapes where they differ", ({ expect }) => {
    expect(() => checkNetworkTensors(CONFIG, change(KEYS, [7]))).toThrowError(
      `${KEYS} has shape [7]; the config asks [16, 32].`,
    );
  });

  it("refuses a head where weights are tied", ({ expect }) => {
    const tensors = locate(listNetworkTensors(CONFIG));
    expect(() => checkNetworkTensors({ ...CONFIG, hasTiedWeights: true }, tensors)).toThrowError(
      expect.objectContaining({ code: "tensor_not_supported", param: HEAD_TENSOR }),
    );
  });
});
