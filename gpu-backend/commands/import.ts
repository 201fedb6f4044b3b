/**
 * `unmask import`: what a checkpoint is, what serving it takes, and its quantised form.
 *
 * Owns: the order of the work, and the document that tells of it.
 * Does not own: the arithmetic (import-plan.ts), the measurements (import-rate.ts, import-loss.ts), the
 * quantised folder (model/quantize-checkpoint.ts).
 */

import { ApiError } from "#shared/contracts/errors.ts";
import { DEFAULT_CHECKPOINT } from "../config.ts";
import { ProgressBar } from "../evaluation/progress-bar.ts";
import { type Checkpoint, readCheckpoint } from "../model/checkpoint.ts";
import { QUANTIZATION_KEY } from "../model/checkpoint-config.ts";
import { EMBEDDING_TENSOR, findTensor } from "../model/network-tensors.ts";
import { QUANTIZATIONS, type Quantization } from "../model/quantization.ts";
import { countQuantizedBytes, quantizeCheckpoint } from "../model/quantize-checkpoint.ts";
import type { Command, Flags } from "./command.ts";
import { type LossReport, measureLoss } from "./import-loss.ts";
import { writeOutput } from "./import-output.ts";
import { type NetworkPlan, planNetwork } from "./import-plan.ts";
import { chooseRateSetup, measureRates, type ProductRates, type RateSetup } from "./import-rate.ts";

const MAX_LAYERS = 10_000;
/** Where the bar stands once the rates are measured, and once the weights are rounded. */
const RATES_SHARE = 0.1;
const ROUNDED_SHARE = 0.5;

/** What the files hold. */
interface CheckpointSummary {
  readonly files: number;
  readonly tensors: number;
  readonly stored_bytes: number;
  readonly element_types: readonly string[];
  readonly quantization: Quantization | null;
  readonly parameters: number;
}

/** `unmask import`. */
export const importCommand: Command = {
  usage: "import [DIR] [--layers N] [--quantize int8|int4 [--out DIR] [--text FILE]]",
  summary:
    "Checks a checkpoint and plans its memory and step time, for another number of layers as well; writes it with quantised weights and measures what that costs.",
  examples: [
    "import /models/LLaDA-8B-Instruct",
    "import /models/LLaDA-8B-Instruct --quantize int8 --out /models/llada-int8",
  ],
  flags: {
    checkpoint: "optional",
    layers: "optional",
    quantize: "optional",
    out: "optional",
    text: "optional",
  },
  positionalFlag: "checkpoint",
  async run(flags, writeProgress = () => undefined, terminal = null) {
    const quantization = readQuantization(flags);
    const layerCount = readLayerCount(flags);
    const directory = flags["checkpoint"] ?? DEFAULT_CHECKPOINT;
    const checkpoint = await readCheckpoint(directory);
    if (quantization !== null) refuseQuantized(checkpoint);
    const setup = chooseRateSetup(checkpoint.config);
    const bar = new ProgressBar({
      terminal,
      writeLine: writeProgress,
      now: () => performance.now(),
    });
    const stage = (from: number, to: number) => (share: number, what: string) =>
      bar.show(from + (to - from) * share, what);
    try {
      stage(0, RATES_SHARE)(0, "measuring the rate of products");
      const rates = await measureRates(setup);
      const plan = (layers: number): NetworkPlan => {
        const { type } = findTensor(checkpoint.table.tensors, EMBEDDING_TENSOR);
        return planNetwork(checkpoint.config, type, layers, rates);
      };
      const own = plan(checkpoint.config.layerCount);
      const out = flags["out"] ?? `${directory.replace(/\/+$/, "")}-${quantization}`;
      const weightBytes = own.memory_bytes.fp32.weights;
      return {
        checkpoint: summarize(checkpoint),
        rates: describeRates(setup, rates),
        plan: own,
        ...(layerCount === null ? {} : { plan_for_layers: plan(layerCount) }),
        ...(quantization === null
          ? {}
          : {
              quantized: await quantize(
                checkpoint,
                quantization,
                out,
                stage(RATES_SHARE, ROUNDED_SHARE),
                (quantized) =>
                  measureLoss(
                    { original: checkpoint, quantized },
                    flags["text"] ?? null,
                    weightBytes,
                    stage(ROUNDED_SHARE, 1),
                  ),
              ),
            }),
      };
    } finally {
      bar.clear();
    }
  },
};

async function quantize(
  checkpoint: Checkpoint,
  quantization: Quantization,
  out: string,
  onStage: (share: number, stage: string) => void,
  measure: (quantized: Checkpoint) => Promise<LossReport>,
): Promise<object> {
  const startedAt = performance.now();
  const neededBytes = countQuantizedBytes(checkpoint, quantization);
  await writeOutput(out, neededBytes, () =>
    quantizeCheckpoint(checkpoint, quantization, out, (share) =>
      onStage(share, "rounding weights"),
    ),
  );
  const seconds = (performance.now() - startedAt) / 1000;
  const quantized = await readCheckpoint(out);
  return { ...summarize(quantized), folder: out, seconds, ...(await measure(quantized)) };
}

function summarize({ table, config, parameterCount }: Checkpoint): CheckpointSummary {
  const tensors = [...table.tensors.values()];
  return {
    files: table.files.length,
    tensors: tensors.length,
    stored_bytes: tensors.reduce((sum, { byteLength }) => sum + byteLength, 0),
    element_types: [...new Set(tensors.map(({ type }) => type))].sort(),
    quantization: config.quantization,
    parameters: parameterCount,
  };
}

function describeRates(setup: RateSetup, rates: ProductRates): object {
  const { rows, inputs, outputs, runs } = setup;
  const giga = (rate: number): number => rate / 1e9;
  return {
    how: `median of ${runs} products of [${rows}, ${inputs}] by [${inputs}, ${outputs}] on the cpu provider, one thread, by CPU time`,
    unit: "10^9 multiplications and additions per CPU second",
    fp32: giga(rates.fp32),
    int8: giga(rates.int8),
    int4: giga(rates.int4),
  };
}

function readQuantization(flags: Flags): Quantization | null {
  const value = flags["quantize"];
  if (value === undefined) {
    const stray = ["out", "text"].find((flag) => flags[flag] !== undefined);
    if (stray !== undefined) throw invalid(stray, "needs --quantize");
    return null;
  }
  const found = QUANTIZATIONS.find((quantization) => quantization === value);
  if (found === undefined) throw invalid("quantize", `is one of ${QUANTIZATIONS.join(", ")}`);
  return found;
}

function readLayerCount(flags: Flags): number | null {
  const value = flags["layers"];
  if (value === undefined) return null;
  const count = /^\d+$/.test(value) ? Number(value) : 0;
  if (count < 1 || count > MAX_LAYERS) throw invalid("layers", `is from 1 to ${MAX_LAYERS}`);
  return count;
}

function refuseQuantized({ config }: Checkpoint): void {
  if (config.quantization !== null) {
    throw new ApiError(
      "config_not_supported",
      `The weights are ${config.quantization} already; quantise the published checkpoint.`,
      { param: QUANTIZATION_KEY },
    );
  }
}

function invalid(flag: string, complaint: string): ApiError {
  return new ApiError("invalid_parameter", `--${flag} ${complaint}.`, { param: flag });
}
