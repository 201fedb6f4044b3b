import type { DenoisingStep } from "../sampler/reverse-process.ts";

/** One denoising step of all rows, by the names of LLaDA's `generate()`. */
export interface TraceStep {
  readonly block: number;
  /** Inside the block. */
  readonly step: number;
  /** All ids after the step. */
  readonly canvas: readonly (readonly number[])[];
  readonly rows: readonly TraceRow[];
}

/** What one row did at a step. */
export interface TraceRow {
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
    rows: steps.map((step) => ({
      k: step.quota,
      positions: [...step.positions],
      tokens: [...step.tokenIds],
      confidence: [...step.confidences],
      selected: [...step.selected],
    })),
  };
}
