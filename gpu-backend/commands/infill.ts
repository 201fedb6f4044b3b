import { ApiError } from "#shared/contracts/errors.ts";
import { takeLogits } from "../canvas/candidate-choices.ts";
import { createHoleConstraint } from "../infilling/hole-constraint.ts";
import { readJsonSchema } from "../infilling/json-schema.ts";
import { createJsonSkeleton, type JsonSkeleton } from "../infilling/json-skeleton.ts";
import { LengthChoice } from "../infilling/length-choice.ts";
import {
  createTokenCodec,
  isHole,
  layOutTemplate,
  longestTemplate,
  type PlacedHole,
  readTemplate,
  type TemplateSegment,
} from "../infilling/template.ts";
import { loadChatTemplate } from "../model/chat-template.ts";
import { readCheckpoint } from "../model/checkpoint.ts";
import { loadTokenizer, type Tokenizer } from "../model/tokenizer.ts";
import { createMaskPredictor } from "../model-runner/create-mask-predictor.ts";
import type { MaskPredictor } from "../model-runner/mask-predictor.ts";
import { createCounterRandom } from "../sampler/counter-random.ts";
import type { DenoisingStep } from "../sampler/denoising-step.ts";
import { ReverseProcess } from "../sampler/reverse-process.ts";
import {
  type CheckpointText,
  describeModel,
  encodePrompt,
  type TextModel,
} from "./checkpoint-text.ts";
import { type Command, requireFlag } from "./command.ts";
import { denoiseRows, predictRows } from "./denoise-rows.ts";
import {
  type InfillRequest,
  type InfillTask,
  infillRequestSchema,
  readInfillSettings,
  readTask,
} from "./infill-request.ts";
import { readRequest } from "./read-request.ts";

/** `unmask infill`: fills the holes of a template or the values of a JSON Schema. */
export const infillCommand: Command = {
  usage: "infill --checkpoint DIR --request FILE",
  summary: "Fills holes anywhere in a text, or writes JSON that is valid under a schema.",
  examples: ["infill --checkpoint gpu-backend/model/default --request template.json"],
  flags: { checkpoint: "required", request: "required" },
  async run(flags) {
    const request = await readRequest(requireFlag(flags, "request"), infillRequestSchema);
    const task = readTask(request);
    const checkpoint = await readCheckpoint(requireFlag(flags, "checkpoint"));
    const tokenizer = await loadTokenizer(checkpoint.directory, checkpoint.config);
    const chatTemplate = await loadChatTemplate(checkpoint.directory, tokenizer);
    const text = { tokenizer, chatTemplate };
    const model = describeModel(checkpoint, text);
    const plan = planInfill(request, task, text, model);
    const predictor = await createMaskPredictor(checkpoint, {
      executionProvider: "cpu",
      intraOpThreads: 0,
    });
    try {
      return describeResult(await runInfill(plan, predictor), plan, tokenizer);
    } finally {
      await predictor.close();
    }
  },
};

/** A request that has passed every check. */
interface InfillPlan {
  readonly request: InfillRequest;
  readonly model: TextModel;
  readonly promptTokenIds: readonly number[];
  readonly segments: readonly TemplateSegment[];
  /** Null for a template. */
  readonly skeleton: JsonSkeleton | null;
}

/** A canvas whose holes are filled. */
interface FilledTemplate {
  readonly tokenIds: readonly number[];
  readonly holes: readonly PlacedHole[];
  /** How sure the network was of each column when it wrote it. */
  readonly confidences: ReadonlyMap<number, number>;
  /** Rows fed to the network, those that chose the lengths included. */
  readonly forwardPasses: number;
}

function planInfill(
  request: InfillRequest,
  task: InfillTask,
  text: CheckpointText,
  model: TextModel,
): InfillPlan {
  const codec = createTokenCodec(text.tokenizer, model.logitCount);
  const { maskTokenId } = model.specialTokens;
  const skeleton =
    task.field === "schema"
      ? createJsonSkeleton(readJsonSchema(task.schema), codec, request.params.max_string_tokens)
      : null;
  const segments =
    task.field === "template" ? readTemplate(task.parts, codec, maskTokenId) : skeleton?.segments;
  const promptTokenIds = readPromptIds(request, text);
  const plan = { request, model, promptTokenIds, segments: segments ?? [], skeleton };
  checkPlan(plan, task.field);
  return plan;
}

function readPromptIds(
  { prompt, messages }: InfillRequest,
  text: CheckpointText,
): readonly number[] {
  if (messages !== undefined) return encodePrompt({ field: "messages", messages }, text)[0] ?? [];
  return encodePrompt({ field: "prompt", text: prompt ?? "" }, text)[0] ?? [];
}

function checkPlan({ request, model, promptTokenIds, segments }: InfillPlan, field: string): void {
  if (promptTokenIds.includes(model.specialTokens.maskTokenId)) {
    throw new ApiError(
      "invalid_parameter",
      "The field prompt has a mask; a hole is a part of template.",
      {
        param: "prompt",
      },
    );
  }
  const length = promptTokenIds.length + longestTemplate(segments);
  if (length > model.maxLength) {
    throw new ApiError(
      "context_length_exceeded",
      `The model holds ${model.maxLength} positions, the request needs up to ${length}.`,
      { param: field },
    );
  }
  const holes = segments.filter(isHole);
  const isFixed = holes.every(({ lengths }) => lengths.length === 1);
  const fewest = holes.reduce((sum, { lengths }) => sum + (lengths[0] ?? 0), 0);
  readInfillSettings(request, fewest, isFixed, model);
}

async function runInfill(plan: InfillPlan, predictor: MaskPredictor): Promise<FilledTemplate> {
  const { request, model, promptTokenIds, segments } = plan;
  const { maskTokenId } = model.specialTokens;
  const choice = new LengthChoice(promptTokenIds, segments, maskTokenId);
  while (!choice.isFinished) {
    const answers = await predictRows(choice.forwardRows(), predictor);
    choice.take(takeLogits(answers), predictor.logitCount);
  }
  const layout = layOutTemplate(promptTokenIds, segments, choice.lengths, maskTokenId);
  const settings = readInfillSettings(request, layout.canvas.generationLength, true, model);
  const process = new ReverseProcess(
    layout.canvas,
    settings,
    createCounterRandom(request.params.seed, 0),
    createHoleConstraint(layout.holes, maskTokenId),
  );
  const confidences = new Map<number, number>();
  await denoiseRows([process], predictor, (steps) => {
    for (const step of steps) noteConfidences(step, confidences);
  });
  return {
    tokenIds: [...layout.canvas.tokenIds],
    holes: layout.holes,
    confidences,
    forwardPasses: choice.forwardPasses + process.forwardPasses,
  };
}

function noteConfidences(step: DenoisingStep, confidences: Map<number, number>): void {
  for (const column of step.committed) {
    confidences.set(column, step.confidences[step.positions.indexOf(column)] ?? 0);
  }
}

function describeResult(filled: FilledTemplate, plan: InfillPlan, tokenizer: Tokenizer) {
  const holeIds = filled.holes.map(({ start, end }) => filled.tokenIds.slice(start, end));
  const { text, holeTexts } =
    plan.skeleton?.render(holeIds) ?? renderTemplate(filled, plan, tokenizer);
  return {
    text,
    holes: filled.holes.map((hole, index) => ({
      text: holeTexts[index],
      token_ids: holeIds[index],
      confidence: meanConfidence(hole, filled.confidences),
    })),
    output_ids: filled.tokenIds,
    nfe: filled.forwardPasses,
    ...(plan.skeleton === null ? {} : { json: JSON.parse(text) as unknown }),
  };
}

/** A hole's text is what the text gains by its ids, since decoders look at what stands before. */
function renderTemplate(filled: FilledTemplate, plan: InfillPlan, tokenizer: Tokenizer) {
  const first = plan.promptTokenIds.length;
  const decodeUpTo = (end: number) => tokenizer.decode(filled.tokenIds.slice(first, end));
  return {
    text: decodeUpTo(filled.tokenIds.length),
    holeTexts: filled.holes.map(({ start, end }) =>
      decodeUpTo(end).slice(decodeUpTo(start).length),
    ),
  };
}

function meanConfidence(
  { start, end }: PlacedHole,
  confidences: ReadonlyMap<number, number>,
): number {
  let sum = 0;
  for (let column = start; column < end; column += 1) sum += confidences.get(column) ?? 0;
  return sum / (end - start);
}
