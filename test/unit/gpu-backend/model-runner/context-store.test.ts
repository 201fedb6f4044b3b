import { describe, it } from "vitest";
import {
  ContextStore,
  contextKey,
  type KeyValues,
} from "../../../../gpu-backend/model-runner/context-store.ts";

const BYTES = 16;

/** Tensors of `BYTES` bytes that begin with `value`. */
function tensors(value: number): KeyValues {
  return { keys: [Float32Array.of(value, 0)], values: [Float32Array.of(0, 0)] };
}

describe("ContextStore", () => {
  it("drops what was used longest ago, and never holds more than its bound", ({ expect }) => {
    const store = new ContextStore(2 * BYTES);
    store.put("first", tensors(1));
    store.put("second", tensors(2));
    store.get("first");
    store.put("third", tensors(3));
    expect(store.byteLength).toBe(2 * BYTES);
    expect(store.get("second")).toBeUndefined();
    expect(store.get("first")?.keys[0]?.[0]).toBe(1);
    expect(store.get("third")?.keys[0]?.[0]).toBe(3);
  });

  it("counts a row that is put again once", ({ expect }) => {
    const store = new ContextStore(2 * BYTES);
    store.put("row", tensors(1));
    store.put("row", tensors(2));
    expect(store.byteLength).toBe(BYTES);
    expect(store.get("row")?.keys[0]?.[0]).toBe(2);
  });

  it("keeps nothing that is larger than its bound, and loses nothing for it", ({ expect }) => {
    const store = new ContextStore(BYTES);
    store.put("small", tensors(1));
    store.put("large", { keys: [new Float32Array(5)], values: [] });
    expect(store.get("large")).toBeUndefined();
    expect(store.get("small")).toBeDefined();
  });
});

describe("contextKey", () => {
  it("is equal for equal rows alone, of any length", ({ expect }) => {
    const rows = [
      [Int32Array.of(1, 2), Uint8Array.of(1, 1)],
      [Int32Array.of(2, 1), Uint8Array.of(1, 1)],
      [Int32Array.of(1, 2), Uint8Array.of(0, 1)],
      [Int32Array.of(1, 258), Uint8Array.of(1, 1)],
      [Int32Array.of(1), Uint8Array.of(1)],
    ] as const;
    expect(new Set(rows.map(([ids, attended]) => contextKey(ids, attended))).size).toBe(5);
    const view = Int32Array.of(9, 1, 2).subarray(1);
    expect(contextKey(view, Uint8Array.of(1, 1))).toBe(contextKey(...rows[0]));
  });
});
