/**
 * The command line's engine: rows run side by side until the last is finished. No queue, no fairness,
 * no cancellation; those are engine/.
 */

import type { RowAnswer } from "../canvas/candidate-choices.ts";
import { type PredictorRow, packRows, passShape, splitAnswer } from "../canvas/canvas-batch.ts";
import type { MaskPredictor } from "../model-runner/mask-predictor.ts";
import type { DenoisingStep } from "../sampler/denoising-step.ts";
import type { ReverseProcess } from "../sampler/reverse-process.ts";

/**
 * One forward pass for all rows of one shape, and as many passes as there are shapes.
 *
 * @returns One answer per row, in the order of `rows`, owned by the caller.
 * @throws {ApiError} `session_failed` if the runtime fails.
 */
export async function predictRows(
  rows: readonly PredictorRow[],
  predictor: MaskPredictor,
): Promise<RowAnswer[]> {
  const answers = new Map<PredictorRow, RowAnswer>();
  const shapeOf = ({ tokenIds, span }: PredictorRow) =>
    passShape(tokenIds.length, span ? span.end - span.start : null, predictor.maxLength);
  const passes = Map.groupBy(rows, (row) => shapeOf(row).key);
  for (const members of passes.values()) {
    const [first] = members;
    if (first === undefined) continue;
    const wholeLengths = members.map((row) => shapeOf(row).wholeLength);
    const batch = packRows(members, shapeOf(first).length, wholeLengths);
    const answer = await predictor.predict(batch);
    for (const [index, view] of splitAnswer(members, answer, predictor.logitCount).entries()) {
      const row = members[index];
      if (row !== undefined) answers.set(row, view);
    }
  }
  return rows.map((row) => answers.get(row) ?? new Float32Array(0));
}

/**
 * Runs every process to its end, all unfinished ones sharing each forward pass.
 *
 * @param onStep Called after each round with the step of every process that took part, in order.
 * @param maxRounds Steps of each process at most; what is unfinished then stays so.
 * @throws {ApiError} `session_failed` if the network fails.
 */
export async function denoiseRows(
  processes: readonly ReverseProcess[],
  predictor: MaskPredictor,
  onStep: (steps: readonly DenoisingStep[]) => void = () => undefined,
  maxRounds: number = Number.POSITIVE_INFINITY,
): Promise<void> {
  let running = processes.filter((process) => !process.isFinished);
  for (let round = 0; round < maxRounds && running.length > 0; round += 1) {
    const rowsOfProcess = running.map((process) => process.forwardRows());
    const answers = await predictRows(rowsOfProcess.flat(), predictor);
    let offset = 0;
    const steps = running.map((process, index) => {
      const start = offset;
      offset += rowsOfProcess[index]?.length ?? 0;
      return process.commit(answers.slice(start, offset), predictor.logitCount);
    });
    onStep(steps);
    running = running.filter((process) => !process.isFinished);
  }
}
