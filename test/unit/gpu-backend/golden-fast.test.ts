/** Fast-dLLM's published samplers, step for step, by the real network. */
import { afterAll, describe, it } from "vitest";
import { Canvas } from "../../../gpu-backend/canvas/canvas.ts";
import { denoiseRows } from "../../../gpu-backend/commands/denoise-rows.ts";
import { createCounterRandom } from "../../../gpu-backend/sampler/counter-random.ts";
import type { ReverseProcess } from "../../../gpu-backend/sampler/reverse-process.ts";
import { resolveSamplingSettings } from "../../../gpu-backend/sampler/sampling-settings.ts";
import { GoldenPredictors, readGolden } from "./golden-predictor.ts";
import { PROCESSES } from "./logits-process.ts";

interface GoldenCase {
  name: string;
  model: string;
  algorithm: "fastdllm_threshold" | "fastdllm_prefix_cache" | "fastdllm_dual_cache";
  params: {
    steps: number;
    gen_length: number;
    block_length: number;
    temperature: number;
    remasking: "low_confidence";
    threshold: number | null;
    mask_id: number;
  };
  prompt_ids: number[][];
  output_ids: number[][];
  nfe: number;
  forward_tokens_total: number;
  steps: {
    block: number;
    step: number;
    forward: "full" | "prefix" | "dual";
    forward_tokens: number;
    k: number;
    positions: number[];
    tokens: number[];
    confidence: number[];
    selected: number[];
    canvas: number[][];
  }[];
}

const CONFIDENCE_DIGITS = 4;
const CACHES = {
  fastdllm_threshold: "none",
  fastdllm_prefix_cache: "prefix",
  fastdllm_dual_cache: "dual",
} as const;
const { cases } = readGolden<{ cases: GoldenCase[] }>("fast.json");

function start(
  { algorithm, params, prompt_ids: prompts }: GoldenCase,
  Process: typeof ReverseProcess,
): ReverseProcess {
  const canvas = Canvas.start({
    promptTokenIds: prompts[0] ?? [],
    generationLength: params.gen_length,
    maskTokenId: params.mask_id,
  });
  const { threshold } = params;
  const cache = CACHES[algorithm];
  const settings = resolveSamplingSettings(
    {
      generationLength: params.gen_length,
      steps: params.steps,
      blockLength: params.block_length,
      temperature: params.temperature,
      decoding:
        threshold === null ? { kind: "filling-schedule" } : { kind: "threshold", threshold },
      cache,
      minBlockSteps: cache === "none" ? 1 : 2,
    },
    { maskTokenId: params.mask_id, endOfTextTokenId: 0, endOfTurnTokenId: null },
  );
  return new Process(canvas, settings, createCounterRandom(0, 0));
}

describe.for(Object.entries(PROCESSES))("Fast-dLLM's samplers, %s", ([, Process]) => {
  const predictors = new GoldenPredictors();
  afterAll(() => predictors.closeAll());

  for (const golden of cases) {
    it(`give the published ids, canvas for canvas: ${golden.name}`, async ({ expect }) => {
      const process = start(golden, Process);
      let round = 0;
      await denoiseRows([process], await predictors.get(golden.model), ([step]) => {
        const wanted = golden.steps[round];
        expect({
          block: step?.block,
          step: step?.blockStep,
          forward: step?.forward,
          forward_tokens: step?.fedColumns,
          k: step?.quota,
          positions: [...(step?.positions ?? [])],
          tokens: [...(step?.tokenIds ?? [])],
          selected: [...(step?.selected ?? [])],
          canvas: [[...process.canvas.tokenIds]],
        }).toEqual({
          block: wanted?.block,
          step: wanted?.step,
          forward: wanted?.forward,
          forward_tokens: wanted?.forward_tokens,
          k: wanted?.k,
          positions: wanted?.positions,
          tokens: wanted?.tokens,
          selected: wanted?.selected,
          canvas: wanted?.canvas,
        });
        for (const [index, confidence] of (step?.confidences ?? []).entries()) {
          expect(confidence).toBeCloseTo(wanted?.confidence[index] ?? -1, CONFIDENCE_DIGITS);
        }
        round += 1;
      });
      expect(round).toBe(golden.nfe);
      expect(process.forwardPasses).toBe(golden.nfe);
      expect(process.positionsComputed).toBe(golden.forward_tokens_total);
      expect([[...process.canvas.tokenIds]]).toEqual(golden.output_ids);
    });
  }
});
