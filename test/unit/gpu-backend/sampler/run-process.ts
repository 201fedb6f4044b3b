/** What the sampler's tests share: small vocabularies, settings of every kind, and runs to the end. */
import fc from "fast-check";
import { Canvas } from "../../../../gpu-backend/canvas/canvas.ts";
import { denoiseRows } from "../../../../gpu-backend/commands/denoise-rows.ts";
import type { CacheKind } from "../../../../gpu-backend/sampler/block-cache.ts";
import { createCounterRandom } from "../../../../gpu-backend/sampler/counter-random.ts";
import type { Decoding } from "../../../../gpu-backend/sampler/decoding.ts";
import type { DenoisingStep } from "../../../../gpu-backend/sampler/denoising-step.ts";
import { ReverseProcess } from "../../../../gpu-backend/sampler/reverse-process.ts";
import {
  resolveSamplingSettings,
  type SamplingRequest,
} from "../../../../gpu-backend/sampler/sampling-settings.ts";
import {
  createFakeMaskPredictor,
  type FakeLogits,
  hashedLogits,
} from "../../../support/fake-mask-predictor.ts";

export const LOGIT_COUNT = 16;
export const MASK = 15;
export const END_OF_TEXT = 13;
export const TOKENS = {
  maskTokenId: MASK,
  endOfTextTokenId: END_OF_TEXT,
  endOfTurnTokenId: 14,
};
const MAX_LENGTH = 128;

/** A run before its first step. */
export interface RunStart {
  readonly prompt: readonly number[];
  readonly seed: number;
  readonly request: SamplingRequest;
}

/** What a run came to. */
export interface Run {
  readonly process: ReverseProcess;
  readonly steps: readonly DenoisingStep[];
  /** The ids before the first step and after each. */
  readonly canvases: readonly (readonly number[])[];
}

/** A network that likes to end its text, the more the longer the canvas. */
export const endingLogits: FakeLogits = (tokenIds, position, logitCount) =>
  hashedLogits(tokenIds, position, logitCount).map((logit, id) =>
    id === END_OF_TEXT ? logit + position / 4 : logit,
  );

const decodings = fc.constantFrom<Decoding>(
  { kind: "schedule" },
  { kind: "filling-schedule" },
  { kind: "threshold", threshold: 0.3 },
  { kind: "factor", factor: 1 },
  { kind: "entropy-bound", bound: 2 },
);

/** Requests of every decoder and cache, with early exit and revision or without; canvases of fixed length. */
export const fixedRequests: fc.Arbitrary<SamplingRequest> = fc
  .record({
    blockCount: fc.integer({ min: 1, max: 3 }),
    blockLength: fc.integer({ min: 1, max: 6 }),
    extraSteps: fc.nat(12),
    temperature: fc.constantFrom(0, 0, 1),
    guidanceScale: fc.constantFrom(0, 0, 1.5),
    decoding: decodings,
    cache: fc.constantFrom<CacheKind>("none", "none", "prefix", "dual"),
    minBlockSteps: fc.constantFrom(1, 1, 2),
    excludeEndOfText: fc.boolean(),
    deferEndOfText: fc.boolean(),
    earlyExit: fc.boolean(),
    revisionSteps: fc.constantFrom(0, 1, 3, 9),
    revisionThreshold: fc.constantFrom(0, 0.2, 0.9),
  })
  .map(({ blockCount, extraSteps, ...rest }) => ({
    ...rest,
    generationLength: blockCount * rest.blockLength,
    steps: blockCount + extraSteps,
  }));

/** Requests whose canvas grows. */
export const adaptiveRequests: fc.Arbitrary<SamplingRequest> = fc.record({
  generationLength: fc.integer({ min: 1, max: 8 }),
  blockLength: fc.integer({ min: 1, max: 6 }),
  steps: fc.option(fc.integer({ min: 1, max: 12 }), { nil: undefined }),
  temperature: fc.constantFrom(0, 0, 1),
  guidanceScale: fc.constantFrom(0, 0, 1.5),
  decoding: fc.constantFrom<Decoding>(
    { kind: "threshold", threshold: 0.2 },
    { kind: "threshold", threshold: 0.6 },
  ),
  earlyExit: fc.boolean(),
  revisionSteps: fc.constantFrom(0, 2),
  adaptiveLength: fc.record({
    maxLength: fc.integer({ min: 8, max: 30 }),
    expansion: fc.integer({ min: 2, max: 6 }),
    endWindow: fc.integer({ min: 1, max: 6 }),
    initialEndConfidence: fc.constantFrom(0, 0.3, 0.6),
    endConfidence: fc.constantFrom(0.2, 0.5, 0.9),
    lowConfidence: fc.constantFrom(0.1, 0.2, 0.4),
  }),
});

/** Runs of every strategy. */
export const runStarts: fc.Arbitrary<RunStart> = fc.record({
  prompt: fc.array(fc.nat(LOGIT_COUNT - 2), { maxLength: 5 }),
  seed: fc.nat(Number.MAX_SAFE_INTEGER),
  request: fc.oneof({ arbitrary: fixedRequests, weight: 2 }, adaptiveRequests),
});

export const networks = fc.constantFrom<FakeLogits>(hashedLogits, endingLogits);

export function startRun({ prompt, seed, request }: RunStart): ReverseProcess {
  const canvas = Canvas.start({
    promptTokenIds: prompt,
    generationLength: request.generationLength,
    maskTokenId: MASK,
  });
  const settings = resolveSamplingSettings(request, TOKENS);
  return new ReverseProcess(canvas, settings, createCounterRandom(seed, canvas.firstColumn));
}

export function idsOf(process: ReverseProcess): number[] {
  return [...process.canvas.tokenIds];
}

/** Runs all processes side by side, to the end or so far; each gets its steps and canvases back. */
export async function finishRuns(
  processes: readonly ReverseProcess[],
  logits: FakeLogits = hashedLogits,
  maxRounds = Number.POSITIVE_INFINITY,
): Promise<Run[]> {
  const predictor = createFakeMaskPredictor({
    logitCount: LOGIT_COUNT,
    maxLength: MAX_LENGTH,
    logits,
  });
  const steps: DenoisingStep[][] = processes.map(() => []);
  const canvases = processes.map((process) => [idsOf(process)]);
  const unfinished = () => processes.flatMap((p, index) => (p.isFinished ? [] : [index]));
  let taking = unfinished();
  const onStep = (round: readonly DenoisingStep[]) => {
    for (const [i, step] of round.entries()) {
      const index = taking[i] ?? -1;
      steps[index]?.push(step);
      const process = processes[index];
      if (process !== undefined) canvases[index]?.push(idsOf(process));
    }
    taking = unfinished();
  };
  await denoiseRows(processes, predictor, onStep, maxRounds);
  return processes.map((process, index) => ({
    process,
    steps: steps[index] ?? [],
    canvases: canvases[index] ?? [],
  }));
}

export async function finishRun(start: RunStart, logits: FakeLogits = hashedLogits): Promise<Run> {
  const [run] = await finishRuns([startRun(start)], logits);
  if (run === undefined) throw new Error("no run");
  return run;
}
