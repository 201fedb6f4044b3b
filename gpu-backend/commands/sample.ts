import { Canvas } from "../canvas/canvas.ts";
import { readCheckpoint } from "../model/checkpoint.ts";
import { createMaskPredictor } from "../model-runner/create-mask-predictor.ts";
import type { MaskPredictor } from "../model-runner/mask-predictor.ts";
import { createCounterRandom } from "../sampler/counter-random.ts";
import type { DenoisingStep } from "../sampler/denoising-step.ts";
import { ReverseProcess } from "../sampler/reverse-process.ts";
import { isPacedBySteps, type SamplingSettings } from "../sampler/sampling-settings.ts";
import { createTableRandom } from "../sampler/table-random.ts";
import {
  decodeAnswer,
  describeModel,
  encodePrompt,
  loadText,
  type TextModel,
} from "./checkpoint-text.ts";
import { type Command, requireFlag } from "./command.ts";
import { denoiseRows } from "./denoise-rows.ts";
import { readRequest } from "./read-request.ts";
import {
  checkAttentionMask,
  checkNoise,
  checkPromptRows,
  readPrompt,
  type SampleRequest,
  sampleRequestSchema,
} from "./sample-request.ts";
import { readSettings } from "./sample-settings.ts";
import { type FlatTraceStep, type TraceStep, traceFlatStep, traceStep } from "./sample-trace.ts";

/** `unmask sample`: LLaDA's `generate()` on a checkpoint, for the operator and for comparison. */
export const sampleCommand: Command = {
  usage: "sample --checkpoint DIR --request FILE [--trace]",
  summary: "Generates from token ids, a text or a conversation; --trace shows every step.",
  flags: { checkpoint: "required", request: "required", trace: "switch" },
  async run(flags) {
    const request = await readRequest(requireFlag(flags, "request"), sampleRequestSchema);
    const prompt = readPrompt(request);
    const checkpoint = await readCheckpoint(requireFlag(flags, "checkpoint"));
    const text = await loadText(checkpoint, prompt.field !== "prompt_ids");
    const model = describeModel(checkpoint, text);
    const settings = readSettings(request.params, model);
    const rows = encodePrompt(prompt, text);
    checkPromptRows(rows, prompt.field, settings, model);
    const processes = startRows(request, rows, settings, model);
    const predictor = await createMaskPredictor(checkpoint, {
      executionProvider: "cpu",
      intraOpThreads: 0,
    });
    try {
      const result = await sample(processes, predictor, flags["trace"] !== undefined);
      if (prompt.field === "prompt_ids" || text === null) return result;
      return { ...result, text: processes.map((process) => decodeAnswer(process, text)).join("") };
    } finally {
      await predictor.close();
    }
  },
};

/** What the published samplers return, and with a trace how they got there. */
interface SampleResult {
  readonly output_ids: readonly (readonly number[])[];
  /** Model calls. */
  readonly nfe: number;
  readonly steps?: readonly (TraceStep | FlatTraceStep)[];
}

async function sample(
  processes: readonly ReverseProcess[],
  predictor: MaskPredictor,
  isTraced: boolean,
): Promise<SampleResult> {
  const steps: (TraceStep | FlatTraceStep)[] = [];
  let forwardCount = 0;
  await denoiseRows(processes, predictor, (round) => {
    forwardCount += 1;
    if (isTraced) steps.push(traceRound(round, processes));
  });
  return {
    output_ids: processes.map(({ canvas }) => [...canvas.tokenIds]),
    nfe: forwardCount,
    ...(isTraced ? { steps } : {}),
  };
}

function traceRound(
  round: readonly DenoisingStep[],
  processes: readonly ReverseProcess[],
): TraceStep | FlatTraceStep {
  const canvases = processes.map(({ canvas }) => canvas.tokenIds);
  const [step] = round;
  const [process] = processes;
  if (step === undefined || process === undefined || isPacedBySteps(process.settings)) {
    return traceStep(round, canvases);
  }
  return traceFlatStep(step, process.canvas.tokenIds);
}

function startRows(
  { attention_mask: attentionMask, noise, params }: SampleRequest,
  rows: readonly (readonly number[])[],
  settings: SamplingSettings,
  model: TextModel,
): ReverseProcess[] {
  checkAttentionMask(attentionMask, rows);
  if (noise !== undefined) {
    const length = (rows[0]?.length ?? 0) + settings.generationLength;
    checkNoise(noise, rows.length, length, settings, model);
  }
  return rows.map((promptTokenIds, row) => {
    const canvas = Canvas.start({
      promptTokenIds,
      generationLength: settings.generationLength,
      maskTokenId: settings.maskTokenId,
      attended: attentionMask?.[row] ?? null,
    });
    const random =
      noise === undefined
        ? createCounterRandom(params.seed, canvas.firstColumn)
        : createTableRandom(noise, row);
    return new ReverseProcess(canvas, settings, random);
  });
}
