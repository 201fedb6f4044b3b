/**
 * The run of a template: first the lengths of its holes, where they are open, then the denoising.
 *
 * Owns: the change from the one to the other, and the cost of both together.
 * Does not own: which length is best (infilling/), one step's arithmetic (sampler/).
 */
import { type RowAnswer, takeLogits } from "../canvas/candidate-choices.ts";
import type { Canvas } from "../canvas/canvas.ts";
import type { PredictorRow } from "../canvas/canvas-batch.ts";
import type { LengthChoice } from "../infilling/length-choice.ts";
import type { PlacedHole } from "../infilling/template.ts";
import type { DenoisingStep } from "../sampler/denoising-step.ts";
import type { ReverseProcess } from "../sampler/reverse-process.ts";
import type { ChosenLengths } from "./run-state.ts";

/** What a generation asks of its process, whatever is run. */
export interface GenerationProcess
  extends Pick<
    ReverseProcess,
    | "canvas"
    | "settings"
    | "maxSteps"
    | "step"
    | "hastenedSteps"
    | "stepsSaved"
    | "rowCount"
    | "forwardPasses"
    | "passesByLength"
    | "positionsComputed"
    | "fedSpan"
    | "isBetweenBlocks"
    | "isFinished"
    | "finalEnd"
    | "forwardRows"
  > {
  /**
   * Takes the answers of {@link forwardRows}; null for a pass that was no denoising step.
   *
   * @param stepsAfter As in {@link ReverseProcess.commit}.
   */
  commit(
    answers: readonly RowAnswer[],
    logitCount: number,
    stepsAfter: number | null,
  ): DenoisingStep | null;
}

/** A template whose holes have their lengths. */
export interface StartedInfill {
  readonly process: ReverseProcess;
  readonly holes: readonly PlacedHole[];
}

/** Chooses lengths, then denoises. */
export class InfillProcess implements GenerationProcess {
  readonly #choice: LengthChoice;
  readonly #start: (lengths: readonly number[]) => StartedInfill;
  /** With every hole as long as may be until the lengths are chosen. */
  #run: StartedInfill;
  #isChoosing: boolean;
  /** Rows that chose lengths, by the canvas's length. */
  readonly #trialsByLength: Map<number, number>;
  #lengths: readonly number[];

  /**
   * @param longest The longest length of each hole.
   * @param start Lays the template out on a new canvas.
   * @param chosen The lengths of a run that is taken up; null at the start of a run.
   */
  constructor(
    choice: LengthChoice,
    longest: readonly number[],
    start: (lengths: readonly number[]) => StartedInfill,
    chosen: ChosenLengths | null = null,
  ) {
    this.#choice = choice;
    this.#start = start;
    this.#isChoosing = chosen === null && !choice.isFinished;
    this.#trialsByLength = new Map(chosen?.trials);
    this.#lengths = chosen?.lengths ?? (this.#isChoosing ? longest : choice.lengths);
    this.#run = start(this.#lengths);
  }

  /** True while passes choose lengths: the canvas is not laid out yet. */
  get isChoosing(): boolean {
    return this.#isChoosing;
  }

  /** The run over the holes as long as they are now. */
  get process(): ReverseProcess {
    return this.#run.process;
  }

  /** The lengths of the holes, and what choosing them has cost. */
  get chosen(): ChosenLengths {
    return { lengths: this.#lengths, trials: [...this.#trialsByLength] };
  }

  get canvas(): Canvas {
    return this.#run.process.canvas;
  }

  get settings(): ReverseProcess["settings"] {
    return this.#run.process.settings;
  }

  get maxSteps(): number {
    return this.#run.process.maxSteps;
  }

  get step(): number {
    return this.#run.process.step;
  }

  get stepsSaved(): number {
    return this.#run.process.stepsSaved;
  }

  get hastenedSteps(): number {
    return this.#run.process.hastenedSteps;
  }

  get rowCount(): number {
    return this.#isChoosing ? this.#choice.rowCount : this.#run.process.rowCount;
  }

  get forwardPasses(): number {
    const trials = [...this.#trialsByLength.values()].reduce((sum, count) => sum + count, 0);
    return trials + this.#run.process.forwardPasses;
  }

  get passesByLength(): ReadonlyMap<number, number> {
    const passes = new Map(this.#trialsByLength);
    for (const [length, count] of this.#run.process.passesByLength) {
      passes.set(length, (passes.get(length) ?? 0) + count);
    }
    return passes;
  }

  get positionsComputed(): number {
    let sum = this.#run.process.positionsComputed;
    for (const [length, count] of this.#trialsByLength) sum += length * count;
    return sum;
  }

  get fedSpan(): ReverseProcess["fedSpan"] {
    return this.#run.process.fedSpan;
  }

  get isFinished(): boolean {
    return this.#run.process.isFinished;
  }

  get isBetweenBlocks(): boolean {
    return this.#run.process.isBetweenBlocks;
  }

  get finalEnd(): number {
    return this.#run.process.finalEnd;
  }

  /** In the template's order; as long as may be until their lengths are chosen. */
  get holes(): readonly PlacedHole[] {
    return this.#run.holes;
  }

  /** Token ids of each hole, in order; masked ones among them until it is finished. */
  get holeTokenIds(): number[][] {
    const { tokenIds } = this.canvas;
    return this.#run.holes.map(({ start, end }) => [...tokenIds.subarray(start, end)]);
  }

  forwardRows(): PredictorRow[] {
    return this.#isChoosing ? this.#choice.forwardRows() : this.#run.process.forwardRows();
  }

  commit(
    answers: readonly RowAnswer[],
    logitCount: number,
    stepsAfter: number | null,
  ): DenoisingStep | null {
    if (!this.#isChoosing) return this.#run.process.commit(answers, logitCount, stepsAfter);
    const fedLengths = this.#choice.forwardRows().map(({ tokenIds }) => tokenIds.length);
    this.#choice.take(takeLogits(answers), logitCount);
    for (const length of fedLengths) {
      this.#trialsByLength.set(length, (this.#trialsByLength.get(length) ?? 0) + 1);
    }
    if (this.#choice.isFinished) {
      this.#isChoosing = false;
      this.#lengths = this.#choice.lengths;
      this.#run = this.#start(this.#lengths);
    }
    return null;
  }
}
