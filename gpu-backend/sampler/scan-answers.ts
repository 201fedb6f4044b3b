/** From what the network answers for a step's rows to the step's candidates. */

import { ApiError } from "#shared/contracts/errors.ts";
import { type RowAnswer, takeLogits } from "../canvas/candidate-choices.ts";
import { endOfTextConfidence } from "./adaptive-length.ts";
import { CandidateScan, type StepScan } from "./candidate-scan.ts";
import { ChoiceScan } from "./choice-scan.ts";
import type { ConstraintDraft } from "./constraint.ts";
import { guideLogits } from "./guidance.ts";
import { takeRows } from "./logit-rows.ts";
import type { RandomSource } from "./random-source.ts";
import type { SamplingSettings } from "./sampling-settings.ts";

/** What a step looks for in its answers. */
export interface ScanOrder {
  readonly settings: SamplingSettings;
  readonly logitCount: number;
  /** Candidates, ascending. */
  readonly columns: Int32Array;
  /** Columns that are answered for, ascending; the candidates are among them. */
  readonly columnsFed: Int32Array;
  /** The last so many of the columns fed are generated: an adaptive length looks for its end there. */
  readonly measuredColumns: number | null;
  /** 0 where one row was fed; above, two. */
  readonly guidanceScale: number;
  readonly random: RandomSource;
  /** Step over the whole run, from 0. */
  readonly step: number;
  readonly draft: ConstraintDraft | null;
}

/** The candidates, and how sure the text's end is: 1 where nobody asks. */
export interface ScannedStep {
  readonly scan: StepScan;
  readonly endConfidence: number;
}

/**
 * Scans a step's answers: choices by themselves, logits under guidance where there are two rows of them.
 *
 * @throws {ApiError} `session_failed` if an answer has another shape or a candidate no finite logit.
 */
export function scanAnswers(answers: readonly RowAnswer[], order: ScanOrder): ScannedStep {
  const { settings, logitCount, columns, columnsFed, random, step, draft } = order;
  const [first] = answers;
  if (first !== undefined && !(first instanceof Float32Array)) {
    if (answers.length > 1 || first.restLogSums.length !== columns.length) {
      throw new ApiError("session_failed", "The network answered choices of an unexpected shape.");
    }
    return { scan: new ChoiceScan(first, columns, settings), endConfidence: 1 };
  }
  const size = columnsFed.length * logitCount;
  const guided = guideLogits(takeLogits(answers), size, order.guidanceScale);
  const endConfidence = measureEnd(guided, order);
  const logits = takeRows(guided, logitCount, columnsFed, columns);
  const scan = new CandidateScan(logits, logitCount, columns, settings, random, step, draft);
  return { scan, endConfidence };
}

function measureEnd(logits: Float32Array, order: ScanOrder): number {
  const { measuredColumns, logitCount, settings } = order;
  if (measuredColumns === null || settings.adaptiveLength === null) return 1;
  const generated = logits.subarray(logits.length - measuredColumns * logitCount);
  const { endWindow } = settings.adaptiveLength;
  return endOfTextConfidence(generated, logitCount, settings.endOfTextTokenId, endWindow);
}
