/**
 * What a quantised checkpoint loses against the one it was made from, and what it gains.
 *
 * Owns: the text that both are asked about, and running them.
 * Does not own: cutting and masking (evaluation/masked-windows.ts), comparing (evaluation/prediction-loss.ts).
 */

import { readFile } from "node:fs/promises";
import { availableMemory } from "node:process";
import { ApiError } from "#shared/contracts/errors.ts";
import type { CanvasBatch } from "../canvas/canvas-batch.ts";
import { type MaskedWindow, maskWindows } from "../evaluation/masked-windows.ts";
import { type PredictionLoss, PredictionLossMeter } from "../evaluation/prediction-loss.ts";
import { SAMPLE_TEXT } from "../evaluation/sample-text.ts";
import type { Checkpoint } from "../model/checkpoint.ts";
import { createMaskPredictor } from "../model-runner/create-mask-predictor.ts";
import type { MaskPredictor } from "../model-runner/mask-predictor.ts";
import { loadText } from "./checkpoint-text.ts";
import { median } from "./import-rate.ts";

/** A checkpoint and what was made of it. */
export interface CheckpointPair {
  readonly original: Checkpoint;
  readonly quantized: Checkpoint;
}

/** What was measured, or why not. */
export interface LossReport {
  readonly text: "built in" | "file" | "none: ids in turn";
  readonly loss: WrittenLoss | null;
  readonly speed: readonly ShapeSpeed[] | null;
  /** Null if all was measured. */
  readonly skipped: string | null;
}

/** A loss by the document's names; nats. */
interface WrittenLoss {
  readonly positions: number;
  readonly argmax_agreement: number;
  readonly mean_divergence: number;
  readonly original_cross_entropy: number;
  readonly quantized_cross_entropy: number;
  readonly relative_rms_of_logits: number;
}

/** Median CPU milliseconds of one forward pass, on one thread; the two take turns. */
interface ShapeSpeed {
  readonly rows: number;
  readonly columns: number;
  readonly original_ms: number;
  readonly quantized_ms: number;
  readonly ratio: number;
}

const WINDOW_LENGTH = 128;
const MAX_WINDOWS = 24;
/** Logits that are kept of the original, in all. */
const MAX_LOGITS = 2 ** 24;
/** Ids that stand in for a text where there is no tokenizer. */
const STAND_IN_IDS = 512;

const SPEED_COLUMNS = 192;
const SPEED_ROWS = [1, 8] as const;
const SPEED_RUNS = 5;
/** Of the columns, one in so many is a candidate. */
const SPEED_CANDIDATE_SHARE = 6;

/** While it loads, the runtime holds some weights as stored, widened and packed for its kernels at once. */
const WEIGHT_COPIES = 2;

/**
 * Compares the predictions of both at masked positions, then the time they take.
 *
 * Skips what would not fit in the memory that is free.
 *
 * @param textFile A text of the operator's; null for a built-in one.
 * @param weightBytes Of the original as float32.
 * @throws {ApiError} `session_failed`, `invalid_parameter` (an unreadable text), `checkpoint_not_found`
 *   (a text without a tokenizer), `checkpoint_corrupt`.
 */
export async function measureLoss(
  pair: CheckpointPair,
  textFile: string | null,
  weightBytes: number,
  onStage: (share: number, stage: string) => void,
): Promise<LossReport> {
  const { config } = pair.original;
  const source = await readText(pair.original, textFile);
  const neededBytes = weightBytes * WEIGHT_COPIES;
  const freeBytes = availableMemory();
  if (neededBytes > freeBytes) {
    const skipped = `The original takes up to ${neededBytes} bytes, and ${freeBytes} are free`;
    return { text: source.text, loss: null, speed: null, skipped };
  }
  const maxPositions = Math.max(1, Math.floor(MAX_LOGITS / config.embeddingSize));
  const maxCount = Math.min(MAX_WINDOWS, Math.ceil(maxPositions / WINDOW_LENGTH) * 4);
  const windows = maskWindows(source.ids, {
    length: Math.min(WINDOW_LENGTH, config.maxSequenceLength),
    maxCount,
    maxCandidates: Math.max(1, Math.floor(maxPositions / maxCount)),
    maskTokenId: config.maskTokenId,
  });
  onStage(0, "comparing predictions");
  const loss = await comparePredictions(pair, windows);
  if (neededBytes > freeBytes / 4) {
    const skipped = "Timing is left out: both networks at once would take much of the memory";
    return { text: source.text, loss, speed: null, skipped };
  }
  onStage(0.7, "timing");
  return { text: source.text, loss, speed: await compareSpeed(pair), skipped: null };
}

async function readText(
  checkpoint: Checkpoint,
  textFile: string | null,
): Promise<{ readonly text: LossReport["text"]; readonly ids: readonly number[] }> {
  const text = await loadText(checkpoint, textFile !== null);
  if (text === null) {
    const { vocabularySize } = checkpoint.config;
    const ids = Array.from({ length: STAND_IN_IDS }, (_, i) => (i * 7919) % vocabularySize);
    return { text: "none: ids in turn", ids };
  }
  const content = textFile === null ? SAMPLE_TEXT : await readTextFile(textFile);
  return {
    text: textFile === null ? "built in" : "file",
    ids: text.tokenizer.encodeUserText(content),
  };
}

async function readTextFile(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    throw new ApiError("invalid_parameter", "The text cannot be read.", { param: "text", cause });
  }
}

/** One network in memory at a time. */
async function comparePredictions(
  { original, quantized }: CheckpointPair,
  windows: readonly MaskedWindow[],
): Promise<WrittenLoss> {
  const predictAll = (checkpoint: Checkpoint): Promise<Float32Array[]> =>
    withPredictor(checkpoint, 0, async (predictor) => {
      const all: Float32Array[] = [];
      for (const { batch } of windows) all.push((await predictor.predict(batch)).logits);
      return all;
    });
  const wanted = await predictAll(original);
  const found = await predictAll(quantized);
  const meter = new PredictionLossMeter();
  for (const [i, { hiddenIds }] of windows.entries()) {
    meter.take(wanted[i] ?? new Float32Array(), found[i] ?? new Float32Array(), hiddenIds);
  }
  return writeLoss(meter.result);
}

function writeLoss(loss: PredictionLoss): WrittenLoss {
  return {
    positions: loss.positions,
    argmax_agreement: loss.argmaxAgreement,
    mean_divergence: loss.meanDivergence,
    original_cross_entropy: loss.referenceCrossEntropy,
    quantized_cross_entropy: loss.crossEntropy,
    relative_rms_of_logits: loss.relativeRms,
  };
}

async function compareSpeed({ original, quantized }: CheckpointPair): Promise<ShapeSpeed[]> {
  return await withPredictor(original, 1, (first) =>
    withPredictor(quantized, 1, async (second) => {
      const speeds: ShapeSpeed[] = [];
      for (const rows of SPEED_ROWS) {
        const columns = Math.min(SPEED_COLUMNS, original.config.maxSequenceLength);
        const batch = fillBatch(rows, columns, original.config.maskTokenId);
        const times: [number[], number[]] = [[], []];
        for (let run = 0; run < SPEED_RUNS; run += 1) {
          times[0].push(await timePrediction(first, batch));
          times[1].push(await timePrediction(second, batch));
        }
        const [original_ms, quantized_ms] = [median(times[0]), median(times[1])];
        const ratio = original_ms / quantized_ms;
        speeds.push({ rows, columns, original_ms, quantized_ms, ratio });
      }
      return speeds;
    }),
  );
}

function fillBatch(rowCount: number, length: number, tokenId: number): CanvasBatch {
  const size = rowCount * length;
  return {
    rowCount,
    length,
    tokenIds: new Int32Array(size).fill(tokenId),
    attended: new Uint8Array(size).fill(1),
    candidateIndexes: Int32Array.from(
      { length: Math.ceil(size / SPEED_CANDIDATE_SHARE) },
      (_, i) => i * SPEED_CANDIDATE_SHARE,
    ),
  };
}

/** CPU milliseconds of the whole process, so that other processes matter little. */
async function timePrediction(predictor: MaskPredictor, batch: CanvasBatch): Promise<number> {
  const before = process.cpuUsage();
  await predictor.predict(batch);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

async function withPredictor<Result>(
  checkpoint: Checkpoint,
  intraOpThreads: number,
  work: (predictor: MaskPredictor) => Promise<Result>,
): Promise<Result> {
  const options = { executionProvider: "cpu", intraOpThreads } as const;
  const predictor = await createMaskPredictor(checkpoint, options);
  try {
    return await work(predictor);
  } finally {
    await predictor.close();
  }
}
