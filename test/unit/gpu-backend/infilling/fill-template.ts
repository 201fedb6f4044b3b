/** Runs a template to its end: lengths, then the reverse process under the holes' constraint. */

import { takeLogits } from "../../../../gpu-backend/canvas/candidate-choices.ts";
import { denoiseRows, predictRows } from "../../../../gpu-backend/commands/denoise-rows.ts";
import { createHoleConstraint } from "../../../../gpu-backend/infilling/hole-constraint.ts";
import { LengthChoice } from "../../../../gpu-backend/infilling/length-choice.ts";
import {
  layOutTemplate,
  type PlacedHole,
  type TemplateSegment,
} from "../../../../gpu-backend/infilling/template.ts";
import { createCounterRandom } from "../../../../gpu-backend/sampler/counter-random.ts";
import type { DenoisingStep } from "../../../../gpu-backend/sampler/denoising-step.ts";
import { ReverseProcess } from "../../../../gpu-backend/sampler/reverse-process.ts";
import {
  resolveSamplingSettings,
  type SamplingRequest,
} from "../../../../gpu-backend/sampler/sampling-settings.ts";
import { createFakeMaskPredictor, type FakeLogits } from "../../../support/fake-mask-predictor.ts";
import { LOGIT_COUNT, MASK, TOKENS } from "./small-vocabulary.ts";

export interface Filled {
  readonly start: Int32Array;
  readonly tokenIds: Int32Array;
  readonly holes: readonly PlacedHole[];
  readonly holeIds: readonly (readonly number[])[];
  readonly steps: readonly DenoisingStep[];
  readonly forwardPasses: number;
}

/** @param request Its `blockLength` must divide the holes' tokens; one block when left out. */
export async function fillTemplate(
  prompt: readonly number[],
  segments: readonly TemplateSegment[],
  request: Partial<SamplingRequest>,
  logits: FakeLogits,
): Promise<Filled> {
  const predictor = createFakeMaskPredictor({ logitCount: LOGIT_COUNT, maxLength: 512, logits });
  const choice = new LengthChoice(prompt, segments, MASK);
  while (!choice.isFinished) {
    choice.take(takeLogits(await predictRows(choice.forwardRows(), predictor)), LOGIT_COUNT);
  }
  const { canvas, holes } = layOutTemplate(prompt, segments, choice.lengths, MASK);
  const start = canvas.tokenIds.slice();
  const { generationLength } = canvas;
  const settings = resolveSamplingSettings(
    { blockLength: generationLength, ...request, generationLength },
    TOKENS,
  );
  const random = createCounterRandom(5, 0);
  const process = new ReverseProcess(canvas, settings, random, createHoleConstraint(holes, MASK));
  const steps: DenoisingStep[] = [];
  await denoiseRows([process], predictor, (round) => steps.push(...round));
  const { tokenIds } = canvas;
  return {
    start,
    tokenIds,
    holes,
    holeIds: holes.map((hole) => [...tokenIds.subarray(hole.start, hole.end)]),
    steps,
    forwardPasses: predictor.rowCount,
  };
}
