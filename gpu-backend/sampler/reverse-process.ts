/**
 * LLaDA's reverse process for one canvas: the loop over blocks and steps, driven from outside.
 *
 * Owns: where the run stands, what it feeds to the network next, and the writes to its canvas.
 * Does not own: the forward pass, which other rows share it (engine/), one step's arithmetic
 * (denoise-step.ts).
 */

import type { Canvas } from "../canvas/canvas.ts";
import type { PredictorRow } from "../canvas/canvas-batch.ts";
import { CandidateScan, type CandidateSet } from "./candidate-scan.ts";
import { type CandidateConstraint, ConstraintDraft } from "./constraint.ts";
import type { Decoding } from "./decoding.ts";
import { denoiseStep, type StepDuty } from "./denoise-step.ts";
import { guideLogits, unconditionalTokenIds } from "./guidance.ts";
import type { RandomSource } from "./random-source.ts";
import { isPacedBySteps, type SamplingSettings } from "./sampling-settings.ts";
import { stepsOfBlock, transferSchedule } from "./transfer-schedule.ts";

/** What one denoising step did. The four candidate arrays run in parallel, ascending by column. */
export interface DenoisingStep extends CandidateSet {
  /** Block, from 0. */
  readonly block: number;
  /** Step inside the block, from 0. */
  readonly blockStep: number;
  /** Step over the whole run, from 0. */
  readonly step: number;
  /** Columns that the decoder chose from or that the schedule gave to this step; may be 0. */
  readonly quota: number;
  /** Columns written, ascending; a predicted mask id is written too and leaves its column masked. */
  readonly selected: Int32Array;
  /** The written columns that hold a token from now on, ascending. They never change again. */
  readonly committed: Int32Array;
  /** Masks left on the whole canvas. */
  readonly maskedCount: number;
  /** Rows fed to the network so far, this step's included. */
  readonly forwardPasses: number;
}

/** One row's run from a masked canvas to text; `forwardRows` and `commit` alternate until finished. */
export class ReverseProcess {
  readonly canvas: Canvas;
  readonly settings: SamplingSettings;
  readonly #random: RandomSource;
  readonly #constraint: CandidateConstraint | null;
  /** `[length]`: 1 where the column held a token at the start, so that guidance hides it. */
  readonly #isGiven: Uint8Array;
  #block = 0;
  #blockStep = 0;
  #step = 0;
  #forwardPasses = 0;
  /** One quota per step of the block; empty where the decoder goes by none. */
  #quotas: readonly number[] = [];

  /**
   * @param canvas Owned by this process until it is finished.
   * @param random Drawn from only where temperature > 0 or remasking is random.
   * @param constraint What masked columns may hold, met by `canvas`; null where anything. Under one,
   *   every block ends filled.
   */
  constructor(
    canvas: Canvas,
    settings: SamplingSettings,
    random: RandomSource,
    constraint: CandidateConstraint | null = null,
  ) {
    this.canvas = canvas;
    this.settings = settings;
    this.#random = random;
    this.#constraint = constraint;
    this.#isGiven = Uint8Array.from(canvas.tokenIds, (id) => (id === settings.maskTokenId ? 0 : 1));
    this.#enterBlock(0);
  }

  /** True when no step is left; the canvas is final, and may hold masks that the network predicted. */
  get isFinished(): boolean {
    return this.#block >= this.blockCount;
  }

  /** The block that is being denoised, from 0; `blockCount` when finished. */
  get block(): number {
    return this.#block;
  }

  /** Denoising steps executed. */
  get step(): number {
    return this.#step;
  }

  /** Rows fed to the network so far: one a step, two with guidance. */
  get forwardPasses(): number {
    return this.#forwardPasses;
  }

  /** Blocks of the generation region. */
  get blockCount(): number {
    return this.settings.generationLength / this.settings.blockLength;
  }

  /**
   * What the next step feeds to the network: the canvas, and with guidance the canvas without its
   * prompt.
   */
  forwardRows(): PredictorRow[] {
    const { tokenIds, attended } = this.canvas;
    const candidateColumns = this.#candidateColumns();
    const rows = [{ tokenIds, attended, candidateColumns }];
    if (this.settings.guidanceScale > 0) {
      const hidden = unconditionalTokenIds(tokenIds, this.#isGiven, this.settings.maskTokenId);
      rows.push({ tokenIds: hidden, attended, candidateColumns });
    }
    return rows;
  }

  /**
   * Takes the network's answer and writes this step's tokens.
   *
   * @param logits One `[candidates, logitCount]` row-major float32 per forward row, in their order;
   *   overwritten.
   * @throws {ApiError} `session_failed` if the logits have another shape or a candidate has no
   *   finite one (a broken model); the canvas is then unchanged.
   *
   * Deterministic for equal canvas, settings, random source and logits. Equal confidences: lowest
   * column first. O(candidates × logitCount).
   */
  commit(logits: readonly Float32Array[], logitCount: number): DenoisingStep {
    const { settings } = this;
    const columns = this.#candidateColumns();
    const guided = guideLogits(logits, columns.length * logitCount, settings.guidanceScale);
    const draft = this.#constraint && new ConstraintDraft(this.#constraint, this.canvas.tokenIds);
    const scan = new CandidateScan(
      guided,
      logitCount,
      columns,
      settings,
      this.#random,
      this.#step,
      draft,
    );
    const duty = this.#duty(columns.length);
    const result = denoiseStep(scan, settings, duty);
    const committed = this.#write(result.selected, result);
    this.#forwardPasses += logits.length;
    const done = {
      ...result,
      block: this.#block,
      blockStep: this.#blockStep,
      step: this.#step,
      quota: duty.quota,
      committed,
      maskedCount: this.canvas.countMasked(settings.maskTokenId),
      forwardPasses: this.#forwardPasses,
    };
    this.#advance();
    return done;
  }

  /** Masks before the current block's end, those left in the prompt and in earlier blocks included. */
  #candidateColumns(): Int32Array {
    return this.canvas.maskedColumns(this.settings.maskTokenId, 0, this.#blockEnd());
  }

  #blockStart(): number {
    return this.canvas.generationColumn(this.#block * this.settings.blockLength);
  }

  #blockEnd(): number {
    return this.canvas.generationColumn((this.#block + 1) * this.settings.blockLength - 1) + 1;
  }

  #maskedInBlock(): number {
    return this.canvas.countMasked(this.settings.maskTokenId, this.#blockStart(), this.#blockEnd());
  }

  /** Steps of the block: exactly so many where it is paced by steps, else at most. */
  #blockSteps(): number {
    return stepsOfBlock(this.settings.steps, this.blockCount, this.#block);
  }

  #duty(candidateCount: number): StepDuty {
    const quota = this.#quotas[this.#blockStep] ?? 0;
    const isLast = this.#blockStep + 1 >= this.#blockSteps();
    if (isPacedBySteps(this.settings)) {
      const mustFill = isLast && this.#constraint !== null;
      return { quota, mustProgress: false, fillsFrom: mustFill ? this.#blockStart() : null };
    }
    const isFilled = this.#maskedInBlock() === 0;
    const leastQuota = isFilled ? 0 : 1;
    return {
      quota: this.#quotas.length > 0 ? Math.max(leastQuota, quota) : candidateCount,
      mustProgress: !isFilled,
      fillsFrom: isLast ? this.#blockStart() : null,
    };
  }

  #write(selected: Int32Array, candidates: CandidateSet): Int32Array {
    const { maskTokenId } = this.settings;
    let candidate = 0;
    for (const column of selected) {
      while (candidates.positions[candidate] !== column) candidate += 1;
      this.canvas.tokenIds[column] = candidates.tokenIds[candidate] ?? maskTokenId;
    }
    return selected.filter((column) => this.canvas.tokenIds[column] !== maskTokenId);
  }

  #advance(): void {
    this.#step += 1;
    this.#blockStep += 1;
    const isFilled = !isPacedBySteps(this.settings) && this.#maskedInBlock() === 0;
    if (isFilled || this.#blockStep >= this.#blockSteps()) this.#enterBlock(this.#block + 1);
  }

  /** Begins `block`, or the next one that a decoder without fixed steps has work in. */
  #enterBlock(block: number): void {
    this.#block = block;
    this.#blockStep = 0;
    if (this.isFinished) return;
    const masked = this.#maskedInBlock();
    if (masked === 0 && !isPacedBySteps(this.settings)) {
      this.#enterBlock(block + 1);
      return;
    }
    // The block's own masks alone count, although masks before it compete for its quotas.
    this.#quotas = goesByQuota(this.settings.decoding)
      ? transferSchedule(masked, this.#blockSteps())
      : [];
  }
}

function goesByQuota({ kind }: Decoding): boolean {
  return kind === "schedule" || kind === "filling-schedule";
}
