import type { DenoisingStep } from "../sampler/denoising-step.ts";

/** One denoising step of all rows, by the names of LLaDA's `generate()`. */
export interface TraceStep {
  readonly block: number;
  /** Inside the block. */
  readonly step: number;
  /** All ids after the step. */
  readonly canvas: readonly (readonly number[])[];
  readonly rows: readonly TraceRow[];
}

/** One model call on one row, by the names of Fast-dLLM's samplers. */
export interface FlatTraceStep extends TraceRow {
  readonly block: number;
  readonly step: number;
  /** What is fed: the whole sequence, from the block's start on, or the block alone. */
  readonly forward: DenoisingStep["forward"];
  /** Columns fed. */
  readonly forward_tokens: number;
  readonly canvas: readonly (readonly number[])[];
}

/** What one row did at a step. */
interface TraceRow {
  readonly k: number;
  readonly positions: readonly number[];
  readonly tokens: readonly number[];
  readonly confidence: readonly number[];
  readonly selected: readonly number[];
}

/**
 * Writes one round down.
 *
 * @param steps One step per row; rows of one request share block and step.
 * @param canvases The rows' ids after the step; copied.
 */
export function traceStep(
  steps: readonly DenoisingStep[],
  canvases: readonly Int32Array[],
): TraceStep {
  return {
    block: steps[0]?.block ?? 0,
    step: steps[0]?.blockStep ?? 0,
    canvas: canvases.map((ids) => [...ids]),
    rows: steps.map(traceRow),
  };
}

/** Writes one model call of a single row down. */
export function traceFlatStep(step: DenoisingStep, canvas: Int32Array): FlatTraceStep {
  return {
    block: step.block,
    step: step.blockStep,
    forward: step.forward,
    forward_tokens: step.fedColumns,
    ...traceRow(step),
    canvas: [[...canvas]],
  };
}

function traceRow(step: DenoisingStep): TraceRow {
  return {
    k: step.quota,
    positions: [...step.positions],
    tokens: [...step.tokenIds],
    confidence: [...step.confidences],
    selected: [...step.selected],
  };
}
