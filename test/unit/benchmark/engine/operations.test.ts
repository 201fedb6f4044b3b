import { describe, it } from "vitest";
import { parseCheckpointConfig } from "../../../../gpu-backend/model/checkpoint-config.ts";
import { countOperations } from "../../../benchmark/engine/operations.ts";
import { LLADA_8B_CONFIG } from "../../../support/published-config.ts";
import { TINY_CONFIG } from "../../../support/write-checkpoint.ts";

describe("the operations of a pass", () => {
  it("are those of its products, counted by hand for one layer", ({ expect }) => {
    const config = parseCheckpointConfig({ ...TINY_CONFIG, n_layers: 1 });
    // Keys and values of 10 columns; all else, and the head, of 3.
    const kv = 2 * 10 * 2 * 32 * 32;
    const queries = 2 * 3 * (2 * 32 * 32 + 3 * 32 * 48) + 2 * 2 * 3 * 10 * 32;
    const head = 2 * 3 * 32 * 64;
    expect(countOperations(config, { rows: 1, length: 10, attended: 10, candidates: 3 })).toBe(
      kv + queries + head,
    );
  });

  it("grow in proportion to rows, and by a layer's with each layer", ({ expect }) => {
    const config = parseCheckpointConfig(TINY_CONFIG);
    const pass = { rows: 1, length: 10, attended: 10, candidates: 10 };
    const one = countOperations(config, pass);
    expect(countOperations(config, { ...pass, rows: 8 })).toBe(8 * one);
    const of = (layerCount: number) => countOperations({ ...config, layerCount }, pass);
    expect(of(4) - of(3)).toBe(of(3) - of(2));
  });

  it("are about twice the parameters for each column of LLaDA-8B", ({ expect }) => {
    const config = parseCheckpointConfig(LLADA_8B_CONFIG);
    const pass = { rows: 1, length: 192, attended: 192, candidates: 192 };
    // 8.02e9 weights, of which the embedding's 0.52e9 are looked up.
    expect(countOperations(config, pass) / 192 / 2).toBeCloseTo(7.5e9, -8.3);
  });
});
