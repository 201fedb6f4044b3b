import type { CheckpointConfig } from "../model/checkpoint-config.ts";
import type { Quantization } from "../model/quantization.ts";
import { buildRateGraph, RATE_GRAPH_NAMES, RATE_ROW_COUNT } from "../model/quantized-rate-graph.ts";
import { createOnnxSession } from "../model-runner/onnx-session.ts";

/** Multiplications and additions per second of one thread, by precision of the weights. */
export interface ProductRates {
  readonly fp32: number;
  readonly int8: number;
  readonly int4: number;
}

/** How {@link measureRates} measures. */
export interface RateSetup {
  readonly rows: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly runs: number;
}

/** Larger weights take longer to make and run at no other rate. */
const MAX_SIDE = 2048;
const MEASURED_ROWS = 192;
const RUNS = 9;

/** The product whose rate is measured: that of the feed-forward network, within limits. */
export function chooseRateSetup(config: CheckpointConfig): RateSetup {
  return {
    rows: MEASURED_ROWS,
    inputs: Math.min(config.modelSize, MAX_SIDE),
    outputs: Math.min(config.mlpHiddenSize, MAX_SIDE),
    runs: RUNS,
  };
}

/**
 * Measures how fast one thread multiplies, rounding of activations included: the median of some products
 * by CPU time, which other work on the machine moves least.
 *
 * @throws {ApiError} `session_failed` if the runtime fails.
 */
export async function measureRates(setup: RateSetup): Promise<ProductRates> {
  return {
    fp32: await measureRate(setup, null),
    int8: await measureRate(setup, "int8"),
    int4: await measureRate(setup, "int4"),
  };
}

async function measureRate(
  { rows, inputs, outputs, runs }: RateSetup,
  quantization: Quantization | null,
): Promise<number> {
  const graph = buildRateGraph(quantization, outputs, inputs);
  const session = await createOnnxSession(graph, ".", {
    executionProvider: "cpu",
    intraOpThreads: 1,
  });
  try {
    const data = Int32Array.from({ length: rows }, (_, i) => i % RATE_ROW_COUNT);
    const times: number[] = [];
    // The first run allocates.
    for (let run = 0; run <= runs; run += 1) {
      const before = process.cpuUsage();
      await session.run({ [RATE_GRAPH_NAMES.rowIndexes]: { type: "int32", shape: [rows], data } }, [
        RATE_GRAPH_NAMES.product,
      ]);
      const { user, system } = process.cpuUsage(before);
      if (run > 0) times.push((user + system) / 1e6);
    }
    return (2 * rows * inputs * outputs) / median(times);
  } finally {
    await session.release();
  }
}

/** The upper one of two middle values. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
