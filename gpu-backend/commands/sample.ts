import { Canvas } from "../canvas/canvas.ts";
import { readCheckpoint } from "../model/checkpoint.ts";
import { createMaskPredictor } from "../model-runner/create-mask-predictor.ts";
import { createCounterRandom } from "../sampler/counter-random.ts";
import { ReverseProcess } from "../sampler/reverse-process.ts";
import type { SamplingSettings } from "../sampler/sampling-settings.ts";
import { createTableRandom } from "../sampler/table-random.ts";
import { describeModel, encodePrompt, loadText, type TextModel } from "./checkpoint-text.ts";
import { type Command, requireFlag } from "./command.ts";
import { readRequest } from "./read-request.ts";
import {
  checkAttentionMask,
  checkNoise,
  checkPromptRows,
  checkStop,
  readPrompt,
  type SampleRequest,
  sampleRequestSchema,
} from "./sample-request.ts";
import { runSample } from "./sample-run.ts";
import { readSettings } from "./sample-settings.ts";

/** `unmask sample`: LLaDA's `generate()` on a checkpoint, for the operator and for comparison. */
export const sampleCommand: Command = {
  usage: "sample --checkpoint DIR --request FILE [--trace]",
  summary: "Generates from token ids, a text or a conversation; --trace shows every step.",
  examples: ["sample --checkpoint gpu-backend/model/default --request request.json --trace"],
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
    checkStop(request, rows.length);
    const processes = startRows(request, rows, settings, model);
    const predictor = await createMaskPredictor(checkpoint, {
      executionProvider: "cpu",
      intraOpThreads: 0,
    });
    try {
      return await runSample(processes, predictor, {
        isTraced: flags["trace"] !== undefined,
        text: prompt.field === "prompt_ids" ? null : text,
        stopAfter: request.stop_after,
      });
    } finally {
      await predictor.close();
    }
  },
};

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
