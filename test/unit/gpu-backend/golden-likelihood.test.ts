/** LLaDA's published `get_log_likelihood()`, by the real network and the command line. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { afterAll, describe, it } from "vitest";
import { takeLogits } from "../../../gpu-backend/canvas/candidate-choices.ts";
import { predictRows } from "../../../gpu-backend/commands/denoise-rows.ts";
import { crossEntropy } from "../../../gpu-backend/likelihood/cross-entropy.ts";
import { startLikelihoodOf } from "../../../gpu-backend/likelihood/estimate-likelihood.ts";
import { stratifiedMaskCounts } from "../../../gpu-backend/likelihood/forward-process.ts";
import { guideLogits } from "../../../gpu-backend/sampler/guidance.ts";
import { GOLDEN_DIRECTORY, GoldenPredictors, readGolden } from "./golden-predictor.ts";

interface GoldenCase {
  name: string;
  model: string;
  prompt_ids: number[];
  answer_ids: number[];
  mc_num: number;
  batch_size: number;
  cfg_scale: number;
  mask_id: number;
  batches: {
    noisy_ids: number[][];
    mask_counts: number[];
    p_mask: number[];
    cross_entropy: number[];
    loss: number;
  }[];
  log_likelihood: number;
}

interface GoldenForward {
  target_len: number;
  batch: number;
  k: number;
  mask_counts: number[];
}

const RELATIVE_TOLERANCE = 1e-4;
const CLI = join(import.meta.dirname, "..", "..", "..", "gpu-backend", "cli.ts");
const { cases } = readGolden<{ cases: GoldenCase[] }>("likelihood.json");

function isNear(given: number, wanted: number): boolean {
  return Math.abs(given - wanted) <= RELATIVE_TOLERANCE * Math.abs(wanted);
}

describe("LLaDA's likelihood", () => {
  const predictors = new GoldenPredictors();
  afterAll(() => predictors.closeAll());

  for (const golden of cases) {
    it(`gives the published cross entropies, losses and bound: ${golden.name}`, async ({
      expect,
    }) => {
      const predictor = await predictors.get(golden.model);
      const { logitCount } = predictor;
      const estimate = startLikelihoodOf(
        {
          promptTokenIds: golden.prompt_ids,
          answerTokenIds: golden.answer_ids,
          maskTokenId: golden.mask_id,
          guidanceScale: golden.cfg_scale,
        },
        golden.batches.map((batch) => batch.noisy_ids),
      );
      const tokenIds = [...golden.prompt_ids, ...golden.answer_ids];
      const rowsEach = golden.cfg_scale > 0 ? 2 : 1;
      for (const batch of golden.batches) {
        const rows = estimate.forwardRows();
        const logits = takeLogits(await predictRows(rows, predictor));
        const entropies = batch.noisy_ids.flatMap((_, index) => {
          const own = logits.slice(index * rowsEach, (index + 1) * rowsEach);
          const columns = [...(rows[index * rowsEach]?.candidateColumns ?? [])];
          expect(columns).toHaveLength(batch.mask_counts[index] ?? -1);
          const copies = own.map((row) => row.slice());
          const guided = guideLogits(copies, columns.length * logitCount, golden.cfg_scale);
          return columns.map((column, i) =>
            crossEntropy(guided, i * logitCount, (i + 1) * logitCount, tokenIds[column] ?? -1),
          );
        });
        expect(entropies).toHaveLength(batch.cross_entropy.length);
        const isEachNear = entropies.every((entropy, i) =>
          isNear(entropy, batch.cross_entropy[i] ?? Number.NaN),
        );
        expect(isEachNear).toBe(true);
        estimate.take(logits, logitCount);
      }
      const { logLikelihood, samples } = estimate.result;
      expect(isNear(logLikelihood, golden.log_likelihood)).toBe(true);
      expect(samples).toBe(golden.mc_num);
      expect(estimate.isFinished).toBe(true);
      expect(estimate.forwardPasses).toBe(golden.mc_num * rowsEach);
    });
  }

  it("is printed by unmask score", ({ expect }) => {
    const golden = cases.find(({ name }) => name === "ll_cfg") ?? cases[0];
    const { prompt_ids, answer_ids, cfg_scale, mask_id, batches, model = "" } = golden ?? {};
    const noisy_ids = batches?.map((batch) => batch.noisy_ids);
    const output = execFileSync(
      process.execPath,
      [CLI, "score", "--checkpoint", join(GOLDEN_DIRECTORY, model), "--request", "-"],
      {
        input: JSON.stringify({ prompt_ids, answer_ids, cfg_scale, mask_id, noisy_ids }),
        encoding: "utf8",
      },
    );
    const printed = JSON.parse(output);
    expect(Object.keys(printed)).toEqual(["log_likelihood", "standard_error", "samples"]);
    expect(isNear(printed.log_likelihood, golden?.log_likelihood ?? 0)).toBe(true);
    expect(printed.samples).toBe(golden?.mc_num);
  });
});

describe("stratifiedMaskCounts", () => {
  it("equals LLaDA's forward_process", ({ expect }) => {
    const golden = readGolden<{ forward_process: GoldenForward[] }>("functions.json");
    for (const { target_len, batch, k, mask_counts } of golden.forward_process) {
      expect(stratifiedMaskCounts(target_len, batch, k)).toEqual(mask_counts);
    }
  });
});
