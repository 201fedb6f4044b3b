/** LLaDA's published `generate()`, step for step, by the real network. */
import { afterAll, describe, it } from "vitest";
import { Canvas } from "../../../gpu-backend/canvas/canvas.ts";
import { denoiseRows } from "../../../gpu-backend/commands/denoise-rows.ts";
import type { DenoisingStep } from "../../../gpu-backend/sampler/denoising-step.ts";
import type { ReverseProcess } from "../../../gpu-backend/sampler/reverse-process.ts";
import { resolveSamplingSettings } from "../../../gpu-backend/sampler/sampling-settings.ts";
import { createTableRandom, type NoiseStep } from "../../../gpu-backend/sampler/table-random.ts";
import { GoldenPredictors, readGolden } from "./golden-predictor.ts";
import { PROCESSES } from "./logits-process.ts";

interface GoldenRow {
  k: number;
  positions: number[];
  tokens: number[];
  confidence: number[];
  selected: number[];
}

interface GoldenCase {
  name: string;
  model: string;
  params: {
    steps: number;
    gen_length: number;
    block_length: number;
    temperature: number;
    cfg_scale: number;
    remasking: "low_confidence" | "random";
    logits_eos_inf: boolean;
    confidence_eos_eot_inf: boolean;
    mask_id: number;
    eos_id: number;
    eot_id: number;
  };
  prompt_ids: number[][];
  attention_mask: number[][] | null;
  noise?: NoiseStep[];
  output_ids: number[][];
  nfe: number;
  forward_rows: number;
  steps: { block: number; step: number; canvas: number[][]; rows: GoldenRow[] }[];
}

const CONFIDENCE_DIGITS = 4;

const cases = ["generate.json", "sampled.json"].flatMap((file) =>
  readGolden<{ cases: GoldenCase[] }>(file).cases.map((golden) => ({ file, ...golden })),
);

function startRow(golden: GoldenCase, row: number, Process: typeof ReverseProcess): ReverseProcess {
  const { params } = golden;
  const canvas = Canvas.start({
    promptTokenIds: golden.prompt_ids[row] ?? [],
    generationLength: params.gen_length,
    maskTokenId: params.mask_id,
    attended: golden.attention_mask?.[row] ?? null,
  });
  const settings = resolveSamplingSettings(
    {
      generationLength: params.gen_length,
      steps: params.steps,
      blockLength: params.block_length,
      temperature: params.temperature,
      guidanceScale: params.cfg_scale,
      remasking: params.remasking === "random" ? "random" : "low-confidence",
      excludeEndOfText: params.logits_eos_inf,
      deferEndOfText: params.confidence_eos_eot_inf,
    },
    {
      maskTokenId: params.mask_id,
      endOfTextTokenId: params.eos_id,
      endOfTurnTokenId: params.eot_id,
    },
  );
  return new Process(canvas, settings, createTableRandom(golden.noise ?? [], row));
}

function toGoldenRow(step: DenoisingStep): Omit<GoldenRow, "confidence"> {
  return {
    k: step.quota,
    positions: [...step.positions],
    tokens: [...step.tokenIds],
    selected: [...step.selected],
  };
}

describe.for(Object.entries(PROCESSES))("LLaDA's generate(), %s", ([, Process]) => {
  const predictors = new GoldenPredictors();
  afterAll(() => predictors.closeAll());

  for (const golden of cases) {
    it(`gives the published ids, step for step: ${golden.file} ${golden.name}`, async ({
      expect,
    }) => {
      const predictor = await predictors.get(golden.model);
      const processes = golden.prompt_ids.map((_, row) => startRow(golden, row, Process));
      let round = 0;
      await denoiseRows(processes, predictor, (steps) => {
        const wanted = golden.steps[round];
        expect(steps.map(toGoldenRow)).toEqual(
          wanted?.rows.map(({ confidence: _, ...row }) => row),
        );
        expect(processes.map(({ canvas }) => [...canvas.tokenIds])).toEqual(wanted?.canvas);
        for (const [row, step] of steps.entries()) {
          expect([step.block, step.blockStep]).toEqual([wanted?.block, wanted?.step]);
          for (const [index, confidence] of step.confidences.entries()) {
            const published = wanted?.rows[row]?.confidence[index] ?? Number.NaN;
            expect(confidence).toBeCloseTo(published, CONFIDENCE_DIGITS);
          }
        }
        round += 1;
      });
      expect(round).toBe(golden.nfe);
      expect(processes.map(({ canvas }) => [...canvas.tokenIds])).toEqual(golden.output_ids);
      const rows = processes.reduce((sum, { forwardPasses }) => sum + forwardPasses, 0);
      expect(rows).toBe(golden.nfe * golden.forward_rows);
    });
  }
});
