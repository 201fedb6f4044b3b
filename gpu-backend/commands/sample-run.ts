import { sha256Hex } from "#shared/contracts/sha-256.ts";
import type { MaskPredictor } from "../model-runner/mask-predictor.ts";
import type { DenoisingStep } from "../sampler/denoising-step.ts";
import { findTextEnd } from "../sampler/end-of-text.ts";
import { exportState } from "../sampler/process-state.ts";
import type { ReverseProcess } from "../sampler/reverse-process.ts";
import { isPacedBySteps } from "../sampler/sampling-settings.ts";
import { type CheckpointText, decodeAnswer } from "./checkpoint-text.ts";
import { denoiseRows } from "./denoise-rows.ts";
import { endsByItself } from "./sample-options.ts";
import { type FlatTraceStep, type TraceStep, traceFlatStep, traceStep } from "./sample-trace.ts";

/** What the published samplers return, and what is known of a run that they do not have. */
export interface SampleResult {
  readonly output_ids: readonly (readonly number[])[];
  /** Model calls. */
  readonly nfe: number;
  /** With a trace: how the run got there. */
  readonly steps?: readonly (TraceStep | FlatTraceStep)[];
  /** Of a run that may end by itself: steps that it did without. */
  readonly steps_saved?: number;
  /** Of such a run: the column of its end token; null where the text fills the canvas. */
  readonly text_end?: number | null;
  /** The run's state, where it was stopped. */
  readonly state?: string;
  /** Of a finished run on a text or a conversation. */
  readonly text?: string;
}

/** How a command runs its rows. */
export interface SampleRun {
  readonly isTraced: boolean;
  /** Null where the answer is wanted in ids alone. */
  readonly text: CheckpointText | null;
  /** Steps of this call at most; undefined for all. A run that is stopped has one row. */
  readonly stopAfter: number | undefined;
}

/**
 * Runs the rows of one request side by side.
 *
 * @throws {ApiError} `session_failed` if the network fails.
 */
export async function runSample(
  processes: readonly ReverseProcess[],
  predictor: MaskPredictor,
  { isTraced, text, stopAfter }: SampleRun,
): Promise<SampleResult> {
  const steps: (TraceStep | FlatTraceStep)[] = [];
  let forwardCount = 0;
  const onStep = (round: readonly DenoisingStep[]) => {
    forwardCount += 1;
    if (isTraced) steps.push(traceRound(round, processes));
  };
  await denoiseRows(processes, predictor, onStep, stopAfter);
  return {
    output_ids: processes.map(({ canvas }) => [...canvas.tokenIds]),
    nfe: forwardCount,
    ...(isTraced ? { steps } : {}),
    ...describeEnd(processes, stopAfter !== undefined),
    ...(text === null
      ? {}
      : { text: processes.map((process) => decodeAnswer(process, text)).join("") }),
  };
}

function describeEnd(
  [process]: readonly ReverseProcess[],
  isStoppable: boolean,
): Pick<SampleResult, "state" | "steps_saved" | "text_end"> {
  if (process === undefined) return {};
  if (isStoppable && !process.isFinished) return { state: exportState(process, sha256Hex) };
  const { canvas, settings } = process;
  if (!endsByItself(settings)) return {};
  return { steps_saved: process.stepsSaved, text_end: findTextEnd(canvas, settings) };
}

function traceRound(
  round: readonly DenoisingStep[],
  processes: readonly ReverseProcess[],
): TraceStep | FlatTraceStep {
  const canvases = processes.map(({ canvas }) => canvas.tokenIds);
  const [step] = round;
  const [process] = processes;
  if (step === undefined || process === undefined || isPacedBySteps(process.settings)) {
    return traceStep(round, canvases);
  }
  return traceFlatStep(step, process.canvas.tokenIds);
}
