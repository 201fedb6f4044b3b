/**
 * Where a run stands among its blocks.
 *
 * Owns: the blocks' bounds and quotas, what a step owes to its block, and when the next one begins.
 * Does not own: the writes to the canvas, what comes before and after the blocks (reverse-process.ts).
 */

import type { Canvas } from "../canvas/canvas.ts";
import type { StepDuty } from "./denoise-step.ts";
import { hastenedCount } from "./hasten.ts";
import { isPacedBySteps, type SamplingSettings } from "./sampling-settings.ts";
import { stepsOfBlock, transferSchedule } from "./transfer-schedule.ts";

/**
 * So many columns a later step may be left to write, sure of them or not. Measured on an earlier embedded
 * model: at two columns a step it saved the sums most of what even shares lost (7 points), and cost stories
 * little; at four and eight a step, putting off twice the share lost 13 to 21 points of the word problems.
 */
const BEARABLE_COUNT = 3;

/** The place of a walk that was interrupted. */
export interface BlockPosition {
  readonly block: number;
  readonly blockStep: number;
  readonly quotas: readonly number[];
}

/** One run's way over the blocks of its canvas, first to last. */
export class BlockWalk {
  readonly #canvas: Canvas;
  readonly #settings: SamplingSettings;
  /** True where every block must end filled, also under LLaDA's schedule. */
  readonly #alwaysFills: boolean;
  #block = 0;
  #blockStep = 0;
  /** The steps planned do not fit into the time. */
  #isPressed = false;
  /** One quota per step of the block; empty where the decoder goes by none. */
  #quotas: readonly number[] = [];

  /** @param position Null at the start of a run. */
  constructor(
    canvas: Canvas,
    settings: SamplingSettings,
    alwaysFills: boolean,
    position: BlockPosition | null,
  ) {
    this.#canvas = canvas;
    this.#settings = settings;
    this.#alwaysFills = alwaysFills;
    if (position === null) {
      this.#enter(0);
      return;
    }
    this.#block = position.block;
    this.#blockStep = position.blockStep;
    this.#quotas = position.quotas;
  }

  /** From 0; {@link blockCount} once every block is done. */
  get block(): number {
    return this.#block;
  }

  /** Step inside the block, from 0. */
  get blockStep(): number {
    return this.#blockStep;
  }

  get position(): BlockPosition {
    return { block: this.#block, blockStep: this.#blockStep, quotas: this.#quotas };
  }

  /** Blocks of the generation region as long as it is now; the last may be short. */
  get blockCount(): number {
    const { generationLength, blockLength, adaptiveLength } = this.#settings;
    const length = adaptiveLength === null ? generationLength : this.#canvas.generationLength;
    return Math.ceil(length / blockLength);
  }

  get isFinished(): boolean {
    return this.#block >= this.blockCount;
  }

  /** First column of the block. */
  get start(): number {
    return this.#startOf(this.#block);
  }

  /** The column after the block's last. */
  get end(): number {
    return this.#endOf(this.#block);
  }

  /** What the step about to be taken must achieve. */
  duty(candidateCount: number): StepDuty {
    const quota = this.#quotas[this.#blockStep] ?? 0;
    const isLast = this.#blockStep + 1 >= this.#steps();
    if (isPacedBySteps(this.#settings)) {
      const mustFill = isLast && this.#alwaysFills;
      const fillsFrom = mustFill ? this.start : null;
      return { quota, leastCount: 0, mustProgress: false, fillsFrom };
    }
    const maskedCount = this.#maskedCount();
    const isFilled = maskedCount === 0;
    const leastQuota = isFilled ? 0 : 1;
    const hasQuotas = this.#quotas.length > 0;
    return {
      quota: hasQuotas ? Math.max(leastQuota, quota) : candidateCount,
      leastCount: hasQuotas ? 0 : this.#leastCount(maskedCount),
      mustProgress: !isFilled,
      fillsFrom: isLast ? this.start : null,
    };
  }

  /**
   * The duty of a step in a run that has time for so many more steps, this one included; `asked` itself
   * where they suffice. A canvas of adaptive length is never hastened.
   */
  hasten(asked: StepDuty, fittingSteps: number): StepDuty {
    if (this.#settings.adaptiveLength !== null || this.isFinished) return asked;
    const blocks = Array.from({ length: this.blockCount - this.#block }, (_, i) => this.#block + i);
    const maskedByBlock = blocks.map((block) => this.#maskedCount(block));
    const planned = blocks.reduce((sum, block) => sum + this.#plannedSteps(block), 0);
    this.#isPressed = planned > fittingSteps;
    const count = hastenedCount({ maskedByBlock, plannedSteps: planned, fittingSteps });
    if (count === 0) return asked;
    return {
      ...asked,
      leastCount: Math.max(asked.leastCount, count),
      mustProgress: true,
      fillsFrom: count === maskedByBlock[0] ? this.start : asked.fillsFrom,
    };
  }

  /**
   * Counts the step that was taken and begins the next block where this one is done.
   *
   * @param isHastened True in a run that was hastened: no step of it may be an idle one.
   */
  advance(isHastened: boolean): void {
    this.#blockStep += 1;
    const skipsIdle = isHastened || this.#isPressed;
    const mayEnd =
      skipsIdle ||
      (!isPacedBySteps(this.#settings) && this.#blockStep >= this.#settings.minBlockSteps);
    const isFilled = mayEnd && this.#maskedCount() === 0;
    if (isFilled || this.#blockStep >= this.#steps()) this.#enter(this.#block + 1, skipsIdle);
  }

  /** Most steps that are left for this block or a later one. */
  #plannedSteps(block: number): number {
    const { minBlockSteps } = this.#settings;
    const taken = block === this.#block ? this.#blockStep : 0;
    const left = this.#steps(block) - taken;
    if (isPacedBySteps(this.#settings)) return left;
    // Each writes a token, but for those that a filled block takes all the same.
    return Math.min(left, Math.max(this.#maskedCount(block), minBlockSteps - taken));
  }

  /**
   * What this step must write at least, sure of it or not, so that the block is filled in its steps.
   *
   * Nothing is forced as long as the later steps can end the block with {@link BEARABLE_COUNT} columns each: where
   * one step is sure of little, a later one is mostly sure of more than its share. Where they cannot, an even
   * share of what is left: else the last step alone would bear what no step was sure of.
   */
  #leastCount(maskedCount: number): number {
    const stepsLeft = this.#steps() - this.#blockStep;
    const evenShare = Math.ceil(maskedCount / stepsLeft);
    if (evenShare > BEARABLE_COUNT) return evenShare;
    return Math.max(0, maskedCount - BEARABLE_COUNT * (stepsLeft - 1));
  }

  #startOf(block: number): number {
    return this.#canvas.generationColumn(block * this.#settings.blockLength);
  }

  #endOf(block: number): number {
    const columns = (block + 1) * this.#settings.blockLength;
    const last = Math.min(columns, this.#canvas.generationLength) - 1;
    return this.#canvas.generationColumn(last) + 1;
  }

  #maskedCount(block = this.#block): number {
    const { maskTokenId } = this.#settings;
    return this.#canvas.countMasked(maskTokenId, this.#startOf(block), this.#endOf(block));
  }

  /** Steps of a block: exactly so many where it is paced by steps, else at most. */
  #steps(block = this.#block): number {
    // An adaptive run is capped as a whole: how many blocks it will have is not known.
    if (this.#settings.adaptiveLength !== null) return Number.MAX_SAFE_INTEGER;
    return stepsOfBlock(this.#settings.steps, this.blockCount, block);
  }

  /** Begins `block`, or the next one that a decoder without fixed steps has work in. */
  #enter(block: number, skipsIdle = false): void {
    this.#block = block;
    this.#blockStep = 0;
    const skipsFilled = skipsIdle || !isPacedBySteps(this.#settings);
    while (skipsFilled && !this.isFinished && this.#maskedCount() === 0) this.#block += 1;
    if (this.isFinished) return;
    // The block's own masks alone count, although masks before it compete for its quotas.
    this.#quotas = this.#goesByQuota() ? transferSchedule(this.#maskedCount(), this.#steps()) : [];
  }

  #goesByQuota(): boolean {
    const { kind } = this.#settings.decoding;
    return kind === "schedule" || kind === "filling-schedule";
  }
}
