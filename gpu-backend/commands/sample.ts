import { ApiError } from "#shared/contracts/errors.ts";
import { Canvas } from "../canvas/canvas.ts";
import { type Checkpoint, readCheckpoint } from "../model/checkpoint.ts";
import { createMaskPredictor } from "../model-runner/create-mask-predictor.ts";
import type { MaskPredictor } from "../model-runner/mask-predictor.ts";
import { createCounterRandom } from "../sampler/counter-random.ts";
import { ReverseProcess } from "../sampler/reverse-process.ts";
import { createTableRandom } from "../sampler/table-random.ts";
import { type Command, requireFlag } from "./command.ts";
import { denoiseRows } from "./denoise-rows.ts";
import { readRequest } from "./read-request.ts";
import {
  checkNoise,
  checkPromptRows,
  readPrompt,
  readSettings,
  type SampleModel,
  type SampleRequest,
  sampleRequestSchema,
} from "./sample-request.ts";
import { type TraceStep, traceStep } from "./sample-trace.ts";

/** `unmask sample`: LLaDA's `generate()` on a checkpoint, for the operator and for comparison. */
export const sampleCommand: Command = {
  usage: "sample --checkpoint DIR --request FILE [--trace]",
  summary: "Generates from token ids, a text or a conversation; --trace shows every step.",
  flags: { checkpoint: "required", request: "required", trace: "switch" },
  async run(flags) {
    const request = await readRequest(requireFlag(flags, "request"), sampleRequestSchema);
    const checkpoint = await readCheckpoint(requireFlag(flags, "checkpoint"));
    const processes = startRows(request, readPromptRows(request), describeModel(checkpoint));
    const predictor = await createMaskPredictor(checkpoint, {
      executionProvider: "cpu",
      intraOpThreads: 0,
    });
    try {
      return await sample(processes, predictor, flags["trace"] !== undefined);
    } finally {
      await predictor.close();
    }
  },
};

async function sample(
  processes: readonly ReverseProcess[],
  predictor: MaskPredictor,
  isTraced: boolean,
): Promise<{ output_ids: number[][]; nfe: number; steps?: TraceStep[] }> {
  const steps: TraceStep[] = [];
  let forwardCount = 0;
  await denoiseRows(processes, predictor, (round) => {
    forwardCount += 1;
    if (isTraced)
      steps.push(
        traceStep(
          round,
          processes.map(({ canvas }) => canvas.tokenIds),
        ),
      );
  });
  return {
    output_ids: processes.map(({ canvas }) => [...canvas.tokenIds]),
    nfe: forwardCount,
    ...(isTraced ? { steps } : {}),
  };
}

function readPromptRows(request: SampleRequest): readonly (readonly number[])[] {
  const prompt = readPrompt(request);
  if (prompt.kind === "ids") return prompt.rows;
  throw new ApiError("unsupported_parameter", "The checkpoint has no tokenizer.", {
    param: prompt.kind === "text" ? "prompt" : "messages",
  });
}

function startRows(
  request: SampleRequest,
  rows: readonly (readonly number[])[],
  model: SampleModel,
): ReverseProcess[] {
  const settings = readSettings(request.params, model);
  checkPromptRows(rows, request.attention_mask, settings, model);
  const { noise } = request;
  if (noise !== undefined) {
    const length = (rows[0]?.length ?? 0) + settings.generationLength;
    checkNoise(noise, rows.length, length, settings, model);
  }
  return rows.map((promptTokenIds, row) => {
    const canvas = Canvas.start({
      promptTokenIds,
      generationLength: settings.generationLength,
      maskTokenId: settings.maskTokenId,
      attended: request.attention_mask?.[row] ?? null,
    });
    const random =
      noise === undefined
        ? createCounterRandom(request.params.seed, canvas.firstColumn)
        : createTableRandom(noise, row);
    return new ReverseProcess(canvas, settings, random);
  });
}

function describeModel({ config }: Checkpoint): SampleModel {
  return {
    maxLength: config.maxSequenceLength,
    logitCount: config.embeddingSize,
    specialTokens: {
      maskTokenId: config.maskTokenId,
      endOfTextTokenId: config.eosTokenId,
      endOfTurnTokenId: null,
    },
  };
}
