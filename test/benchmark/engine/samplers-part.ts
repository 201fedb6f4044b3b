/**
 * Our tiers against the published samplers in PyTorch: the same checkpoint, prompts and positions to fill, one
 * thread each, in turn; tokens per CPU second.
 *
 * All positions count as tokens on both sides, also those behind the text's end, so no tier leaves early.
 */
import { join } from "node:path";
import { type Checkpoint, readCheckpoint } from "../../../gpu-backend/model/checkpoint.ts";
import {
  type GenerationParameters,
  generationParametersSchema,
} from "../../../shared/contracts/node-wire.ts";
import { interleave, median, time } from "../measure.ts";
import type { BenchOptions, BenchPart, BenchReport } from "../part.ts";
import { BenchEngine, type BenchRequest, exactParameters, tierParameters } from "./bench-engine.ts";
import { MODEL_FOLDER, quantizeModel, withFolder, withPredictor } from "./bench-model.ts";
import { BLOCK_LENGTH } from "./canvas-rows.ts";
import { missingTorch, type SamplerParameters, TorchPeer } from "./torch-peer.ts";

/** LLaDA's `generate` and Fast-dLLM's steps, as their papers run them. */
const PROMPT_LENGTH = 64;
const NEW_TOKENS = 128;
const DUAL_STEPS = 32;
const ROUNDS = 3;
/** Rows that run together; LLaDA's whole canvases gain nothing from more, blocks do. */
const EXACT_ROWS = 2;
const CACHED_ROWS = 4;

const RATIOS = ["quality_over_llada", "dual_over_fastdllm", "draft_over_llada"] as const;

/** What both networks continue; each is cut to the prompt's length. */
const STORY =
  "Once upon a time there was a little cat named Tom. Tom lived in a big house with a girl and her dog. " +
  "Every day they played in the garden with a red ball, and when it was cold they sat by the fire. One day the ball was gone. " +
  "Tom looked under the bed and behind the door. He asked the dog, but the dog did not know. Then he heard a small bird in the tree. " +
  "The bird said that the wind had taken the ball over the wall and down to the river, where the ducks live.";

/** One subject: some tokens, for so many CPU seconds. */
interface Sample {
  readonly tokens: number;
  readonly cpuSeconds: number;
  readonly ids: readonly (readonly number[])[];
}
type Subject = () => Promise<Sample>;

/** `samplers`. */
export const samplersPart: BenchPart = {
  name: "samplers",
  async run(options, report) {
    const reason = missingTorch();
    if (reason !== null) return report.skip(RATIOS, reason);
    const checkpoint = await readCheckpoint(MODEL_FOLDER);
    await withFolder(async (folder) => {
      const quantized = await quantizeModel(MODEL_FOLDER, join(folder, "int8"));
      const torch = new TorchPeer(MODEL_FOLDER);
      try {
        await withPredictor(checkpoint, 1, (fp32) =>
          withPredictor(quantized, 1, async (int8) => {
            const engines = {
              fp32: await BenchEngine.create(checkpoint, fp32),
              int8: await BenchEngine.create(quantized, int8),
            };
            await compare(checkpoint, engines, torch, options, report);
          }),
        );
      } finally {
        await torch.close();
      }
    });
  },
};

async function compare(
  checkpoint: Checkpoint,
  engines: { readonly fp32: BenchEngine; readonly int8: BenchEngine },
  torch: TorchPeer,
  options: BenchOptions,
  report: BenchReport,
): Promise<void> {
  const newTokens = options.isQuick ? BLOCK_LENGTH : NEW_TOKENS;
  const prompts = cutPrompts(
    engines.fp32.model.encodePrompt({ type: "text", text: STORY }),
    CACHED_ROWS,
  );
  const exact = exactParameters(newTokens, BLOCK_LENGTH);
  const dual = generationParametersSchema.parse({
    ...exact,
    steps: (newTokens * DUAL_STEPS) / NEW_TOKENS,
    cache: "dual",
  });
  const draft = {
    ...tierParameters("draft", newTokens),
    block_length: BLOCK_LENGTH,
    early_exit: false,
  };
  const few = prompts.slice(0, EXACT_ROWS);
  const peer = peerParameters(checkpoint, exact);
  const subjects: Record<string, Subject> = {
    llada: ofTorch(newTokens, () => torch.generate(few, peer)),
    exact: ofEngine(engines.fp32, few, exact),
    exactInt8: ofEngine(engines.int8, few, exact),
    fastDllm: ofTorch(newTokens, () =>
      torch.generateCached("dual", prompts, peerParameters(checkpoint, dual)),
    ),
    dual: ofEngine(engines.fp32, prompts, dual),
    dualInt8: ofEngine(engines.int8, prompts, dual),
    draft: ofEngine(engines.fp32, prompts, draft),
    draftInt8: ofEngine(engines.int8, prompts, draft),
  };
  const rounds = options.isQuick ? 1 : ROUNDS;
  const samples = await interleave(rounds, tellProgress(subjects, report));
  const rate = (name: string) =>
    median((samples[name] ?? []).map(({ tokens, cpuSeconds }) => tokens / cpuSeconds));
  addRatios(rate, rounds, report);
  compareIds("exact", "llada", samples, rounds, report);
  compareIds("dual", "fastDllm", samples, rounds, report);
}

/** A generation here, all rows together. */
function ofEngine(
  bench: BenchEngine,
  prompts: readonly (readonly number[])[],
  parameters: GenerationParameters,
): Subject {
  const requests: BenchRequest[] = prompts.map((promptTokenIds) => ({
    tier: "quality",
    promptTokenIds,
    parameters,
  }));
  return async () => {
    let ids: (readonly number[])[] = [];
    const { cpuSeconds } = await time(async () => {
      ids = (await bench.run(requests)).map(({ tokenIds }) => tokenIds);
    });
    return { tokens: prompts.length * parameters.max_tokens, cpuSeconds, ids };
  };
}

function ofTorch(
  newTokens: number,
  run: () => Promise<{ readonly cpu_seconds: number; readonly ids: number[][] }>,
): Subject {
  return async () => {
    const { cpu_seconds: cpuSeconds, ids } = await run();
    return {
      tokens: ids.length * newTokens,
      cpuSeconds,
      ids: ids.map((row) => row.slice(-newTokens)),
    };
  };
}

function peerParameters(
  { config }: Checkpoint,
  { max_tokens: length, steps = length }: GenerationParameters,
): SamplerParameters {
  return {
    steps,
    gen_length: length,
    block_length: BLOCK_LENGTH,
    mask_id: config.maskTokenId,
  };
}

/** Windows of equal length, each some words further on. */
function cutPrompts(story: ArrayLike<number>, count: number): number[][] {
  const ids = Array.from(story);
  const stride = Math.floor((ids.length - PROMPT_LENGTH) / count);
  if (stride < 1) throw new RangeError(`a story of ${ids.length} tokens`);
  return Array.from({ length: count }, (_, i) => ids.slice(i * stride, i * stride + PROMPT_LENGTH));
}

function tellProgress(
  subjects: Readonly<Record<string, Subject>>,
  report: BenchReport,
): Record<string, Subject> {
  const told = Object.entries(subjects).map(([name, run]): [string, Subject] => [
    name,
    async () => {
      const sample = await run();
      const rate = (sample.tokens / sample.cpuSeconds).toFixed(1);
      report.tell(`${name}: ${rate} tokens per CPU second`);
      return sample;
    },
  ]);
  return Object.fromEntries(told);
}

function addRatios(rate: (name: string) => number, runs: number, report: BenchReport): void {
  const ratio = (name: string, ours: string, theirs: string) =>
    report.add(name, { value: rate(ours) / rate(theirs), unit: "ratio", runs });
  ratio("quality_over_llada", "exactInt8", "llada");
  ratio("quality_fp32_over_llada", "exact", "llada");
  ratio("dual_over_fastdllm", "dual", "fastDllm");
  ratio("dual_int8_over_fastdllm", "dualInt8", "fastDllm");
  ratio("draft_over_llada", "draft", "llada");
  ratio("draft_int8_over_llada", "draftInt8", "llada");
  const names = [
    "llada",
    "exact",
    "exactInt8",
    "fastDllm",
    "dual",
    "dualInt8",
    "draft",
    "draftInt8",
  ];
  for (const name of names) {
    const figure = `tokens_per_cpu_s_${name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`;
    report.add(figure, { value: rate(name), unit: "tokens per CPU second", runs });
  }
}

/** Float32 sums in another order may decide a near tie otherwise, and a row goes its own way from there. */
function compareIds(
  ours: string,
  theirs: string,
  samples: Readonly<Record<string, readonly Sample[]>>,
  runs: number,
  report: BenchReport,
): void {
  const [own, other] = [ours, theirs].map((name) => samples[name]?.[0]?.ids.flat() ?? []);
  const equal = own?.filter((id, i) => id === other?.[i]).length ?? 0;
  report.add(`${ours}_ids_equal`, {
    value: equal / (own?.length ?? 0),
    unit: "share of tokens that are those of the published sampler in PyTorch",
    runs,
  });
}
