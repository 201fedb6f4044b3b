/**
 * Every decoder against LLaDA's exact schedule: how many ids agree, what is lost, what is saved.
 *
 * Owns: the list of decoders. Does not own: the sampler (sampler/), which runs them here without a node,
 * since some are on no wire.
 */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Canvas } from "../canvas/canvas.ts";
import { decodeAnswer } from "../commands/checkpoint-text.ts";
import { denoiseRows } from "../commands/denoise-rows.ts";
import type { Quantization } from "../model/quantization.ts";
import { quantizeCheckpoint } from "../model/quantize-checkpoint.ts";
import type { MaskPredictor } from "../model-runner/mask-predictor.ts";
import { createCounterRandom } from "../sampler/counter-random.ts";
import { ReverseProcess } from "../sampler/reverse-process.ts";
import { resolveSamplingSettings, type SamplingRequest } from "../sampler/sampling-settings.ts";
import { type EvaluatedModel, encodeChat, openModel } from "./evaluation-model.ts";
import { mean } from "./mean.ts";
import type { EvaluationPart, PartContext } from "./part.ts";
import { sums, type TaskItem, wordProblems } from "./tasks.ts";

/** What differs from one token a step by LLaDA's schedule; `{length}` columns are to fill. */
type Change = (length: number) => Omit<SamplingRequest, "generationLength">;

const DECODERS: Readonly<Record<string, Change>> = {
  "threshold_0.95": () => ({ decoding: { kind: "threshold", threshold: 0.95 } }),
  "threshold_0.9": () => ({ decoding: { kind: "threshold", threshold: 0.9 } }),
  "threshold_0.7": () => ({ decoding: { kind: "threshold", threshold: 0.7 } }),
  factor_1: () => ({ decoding: { kind: "factor", factor: 1 } }),
  "entropy_bound_0.5": () => ({ decoding: { kind: "entropy-bound", bound: 0.5 } }),
  prefix_cache: () => ({ cache: "prefix" }),
  dual_cache: () => ({ cache: "dual" }),
  "dual_cache_threshold_0.9": () => ({
    cache: "dual",
    decoding: { kind: "threshold", threshold: 0.9 },
  }),
  revision: (length) => ({ revisionSteps: length }),
  "guidance_0.5": () => ({ guidanceScale: 0.5 }),
  guidance_1: () => ({ guidanceScale: 1 }),
};
const QUANTIZATIONS: readonly Quantization[] = ["int8", "int4"];
const QUICK_DECODERS = ["threshold_0.9", "dual_cache"];

const COUNTS = { sums: 40, problems: 16 } as const;
const QUICK_COUNTS = { sums: 8, problems: 2 } as const;

/** What a decoder made of one item. */
interface Run {
  readonly score: number;
  readonly tokenIds: readonly number[];
  readonly passes: number;
  readonly positions: number;
}

/** `decoders`. */
export const decodersPart: EvaluationPart = {
  name: "decoders",
  weight: 4,
  async run(context) {
    const { model, corpus, isQuick, report } = context;
    const counts = isQuick ? QUICK_COUNTS : COUNTS;
    const items = [
      ...sums(counts.sums),
      ...wordProblems(corpus?.problems.slice(0, counts.problems) ?? []),
    ];
    if (corpus === null) report.skip("decoders on word problems", "needs --data CORPUS");
    const exact = await runAll(model, model.predictor, items, () => ({}));
    report.add("decoder_exact_quality", mean(exact.map(({ score }) => score)), "fraction");
    const names = isQuick ? QUICK_DECODERS : Object.keys(DECODERS);
    report.plan(names.length + QUANTIZATIONS.length);
    for (const name of names) {
      report.progress(0, 1, name);
      const change = DECODERS[name];
      if (change === undefined) continue;
      compare(context, name, exact, await runAll(model, model.predictor, items, change));
    }
    for (const quantization of isQuick ? [] : QUANTIZATIONS) {
      report.progress(0, 1, quantization);
      const runs = await withQuantized(model, quantization, (predictor) =>
        runAll(model, predictor, items, () => ({})),
      );
      compare(context, quantization, exact, runs);
    }
  },
};

function compare(
  { report }: PartContext,
  name: string,
  exact: readonly Run[],
  runs: readonly Run[],
): void {
  const agreement = exact.map(({ tokenIds }, i) => shareOfEqual(tokenIds, runs[i]?.tokenIds ?? []));
  const share = (read: (run: Run) => number) => mean(runs.map(read)) / mean(exact.map(read));
  const lost = mean(exact.map(({ score }) => score)) - mean(runs.map(({ score }) => score));
  report.add(`decoder_${name}_agreement`, mean(agreement), "fraction of ids");
  report.add(`decoder_${name}_points_lost`, 100 * lost, "points");
  report.add(`decoder_${name}_passes_saved`, 1 - share(({ passes }) => passes), "fraction");
  report.add(
    `decoder_${name}_positions_saved`,
    1 - share(({ positions }) => positions),
    "fraction",
  );
}

function shareOfEqual(wanted: readonly number[], found: readonly number[]): number {
  return wanted.filter((id, i) => found[i] === id).length / wanted.length;
}

async function runAll(
  model: EvaluatedModel,
  predictor: MaskPredictor,
  items: readonly TaskItem[],
  change: Change,
): Promise<Run[]> {
  const processes = items.map(({ input, generationLength }) => {
    const settings = resolveSamplingSettings(
      { generationLength, steps: generationLength, ...change(generationLength) },
      model.served.specialTokens,
    );
    const canvas = Canvas.start({
      promptTokenIds: input.kind === "chat" ? encodeChat(model, input.content) : [],
      generationLength,
      maskTokenId: settings.maskTokenId,
    });
    return new ReverseProcess(canvas, settings, createCounterRandom(0, canvas.firstColumn));
  });
  await denoiseRows(processes, predictor);
  return processes.map((process, i) => {
    const text = decodeAnswer(process, model);
    const tokenIds = [...process.canvas.tokenIds.subarray(process.canvas.promptLength)];
    return {
      score: items[i]?.score({ text, holes: [], tokenIds }) ?? 0,
      tokenIds,
      passes: process.forwardPasses,
      positions: process.positionsComputed,
    };
  });
}

/** Rounds the weights into a folder that is gone afterwards. */
async function withQuantized<Result>(
  { checkpoint }: EvaluatedModel,
  quantization: Quantization,
  run: (predictor: MaskPredictor) => Promise<Result>,
): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), "unmask-evaluate-"));
  try {
    await quantizeCheckpoint(checkpoint, quantization, folder, () => undefined);
    const { predictor } = await openModel(folder);
    try {
      return await run(predictor);
    } finally {
      await predictor.close();
    }
  } finally {
    await rm(folder, { recursive: true });
  }
}
