/**
 * What a golden checkpoint's network answers on one execution provider, as one line of JSON: a process of
 * its own, because the system's loader reads the environment that a process was started with.
 *
 * Usage: `provider-passes.ts PROVIDER GOLDEN_CASE`, a case of `generate.json` with one row.
 */
import { join } from "node:path";
import { Canvas } from "../../../../gpu-backend/canvas/canvas.ts";
import type { CanvasBatch } from "../../../../gpu-backend/canvas/canvas-batch.ts";
import { denoiseRows } from "../../../../gpu-backend/commands/denoise-rows.ts";
import { readCheckpoint } from "../../../../gpu-backend/model/checkpoint.ts";
import { createMaskPredictor } from "../../../../gpu-backend/model-runner/create-mask-predictor.ts";
import type { MaskPredictor } from "../../../../gpu-backend/model-runner/mask-predictor.ts";
import type { ExecutionProvider } from "../../../../gpu-backend/model-runner/onnx-session.ts";
import { ReverseProcess } from "../../../../gpu-backend/sampler/reverse-process.ts";
import { resolveSamplingSettings } from "../../../../gpu-backend/sampler/sampling-settings.ts";
import { createTableRandom } from "../../../../gpu-backend/sampler/table-random.ts";
import { GOLDEN_DIRECTORY, readGolden } from "../golden-predictor.ts";

interface GoldenRun {
  readonly name: string;
  readonly model: string;
  readonly prompt_ids: readonly (readonly number[])[];
  readonly params: {
    readonly steps: number;
    readonly gen_length: number;
    readonly block_length: number;
    readonly mask_id: number;
    readonly eos_id: number;
    readonly eot_id: number;
  };
}

/** Numbers of every pass, in the order in which they were asked for. */
export interface ProviderPasses {
  /** Of two rows of {@link LENGTH} columns, one of them padded. */
  readonly logits: readonly number[];
  readonly rankedIds: readonly number[];
  readonly rankedLogits: readonly number[];
  readonly namedLogits: readonly number[];
  readonly restLogSums: readonly number[];
  /** Of a span of each row, the rest from the kept keys and values. */
  readonly spanLogits: readonly number[];
  /** The finished canvas of the golden run. */
  readonly canvas: readonly number[];
  /** Of every position that was still masked, step after step. */
  readonly confidences: readonly number[];
}

/** WebGPU's attention takes another way from 32 columns on. */
const LENGTH = 48;
const SPAN_LENGTH = 8;

async function runPasses(predictor: MaskPredictor): Promise<Omit<ProviderPasses, RunField>> {
  const ids = (count: number, factor: number) =>
    Int32Array.from({ length: count }, (_, i) => (i * factor) % 100);
  const whole: CanvasBatch = {
    rowCount: 2,
    length: LENGTH,
    tokenIds: ids(2 * LENGTH, 7),
    attended: new Uint8Array(2 * LENGTH).fill(1).fill(0, 0, 5),
    candidateIndexes: Int32Array.of(7, 20, 47, 60, 95),
    contextRows: Int32Array.of(0, 1),
  };
  const { logits } = await predictor.predict(whole);
  const { choices } = await predictor.predict({
    ...whole,
    choices: { candidateRows: Int32Array.of(1, 3), namedTokenIds: Int32Array.of(0, 60) },
  });
  const spans = await predictor.predict({
    rowCount: 2,
    length: SPAN_LENGTH,
    tokenIds: ids(2 * SPAN_LENGTH, 11),
    attended: new Uint8Array(2 * SPAN_LENGTH).fill(1),
    candidateIndexes: Int32Array.of(0, 5, 9, 15),
    context: {
      length: LENGTH,
      tokenIds: whole.tokenIds,
      attended: whole.attended,
      firstColumns: Int32Array.of(8, 16),
    },
  });
  return {
    logits: [...logits],
    rankedIds: [...(choices?.rankedIds ?? [])],
    rankedLogits: [...(choices?.rankedLogits ?? [])],
    namedLogits: [...(choices?.namedLogits ?? [])],
    restLogSums: [...(choices?.restLogSums ?? [])],
    spanLogits: [...spans.logits],
  };
}

type RunField = "canvas" | "confidences";

async function runGolden(
  predictor: MaskPredictor,
  { prompt_ids: [promptTokenIds = []], params }: GoldenRun,
): Promise<Pick<ProviderPasses, RunField>> {
  const canvas = Canvas.start({
    promptTokenIds,
    generationLength: params.gen_length,
    maskTokenId: params.mask_id,
    attended: null,
  });
  const settings = resolveSamplingSettings(
    {
      generationLength: params.gen_length,
      steps: params.steps,
      blockLength: params.block_length,
      remasking: "low-confidence",
    },
    {
      maskTokenId: params.mask_id,
      endOfTextTokenId: params.eos_id,
      endOfTurnTokenId: params.eot_id,
    },
  );
  const process = new ReverseProcess(canvas, settings, createTableRandom([], 0));
  const confidences: number[] = [];
  await denoiseRows([process], predictor, ([step]) =>
    confidences.push(...(step?.confidences ?? [])),
  );
  return { canvas: [...process.canvas.tokenIds], confidences };
}

const [executionProvider, caseName] = process.argv.slice(2);
const golden = readGolden<{ cases: GoldenRun[] }>("generate.json").cases.find(
  ({ name }) => name === caseName,
);
if (golden === undefined) throw new Error(`no golden case ${caseName}`);
const predictor = await createMaskPredictor(
  await readCheckpoint(join(GOLDEN_DIRECTORY, golden.model)),
  { executionProvider: executionProvider as ExecutionProvider, intraOpThreads: 1 },
);
const passes: ProviderPasses = {
  ...(await runPasses(predictor)),
  ...(await runGolden(predictor, golden)),
};
await predictor.close();
process.stdout.write(`${JSON.stringify(passes)}\n`);
