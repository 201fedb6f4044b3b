/**
 * LLaDA's reverse process for one canvas: the loop over steps, driven from outside.
 *
 * Owns: the phases of a run, what it feeds to the network next, and the changes to its canvas.
 * Does not own: the forward pass, which other rows share it (engine/), one step's arithmetic
 * (denoise-step.ts), the order of the blocks (block-walk.ts).
 */

import type { RowAnswer } from "../canvas/candidate-choices.ts";
import type { Canvas } from "../canvas/canvas.ts";
import type { PredictorRow } from "../canvas/canvas-batch.ts";
import { insertColumns } from "../canvas/insert-columns.ts";
import { BlockCache, type FedSpan } from "./block-cache.ts";
import { BlockWalk } from "./block-walk.ts";
import type { CandidateSet } from "./candidate-scan.ts";
import { checkFixedLength, planExpansion, planLength, planTrim } from "./canvas-length.ts";
import { askForChoices } from "./choice-scan.ts";
import { type CandidateConstraint, ConstraintDraft } from "./constraint.ts";
import { denoiseStep, writesMore } from "./denoise-step.ts";
import type { CanvasResize, DenoisingStep } from "./denoising-step.ts";
import { findTextEnd } from "./end-of-text.ts";
import { unconditionalTokenIds } from "./guidance.ts";
import type { ProcessProgress, RunPhase } from "./process-progress.ts";
import type { RandomSource } from "./random-source.ts";
import { Revision } from "./revision.ts";
import { RunCounts } from "./run-counts.ts";
import { longestRun, type SamplingSettings } from "./sampling-settings.ts";
import { scanAnswers } from "./scan-answers.ts";

/** What a step does to the canvas beside its commits. */
type Change = Pick<DenoisingStep, "remasked" | "resize">;

const NO_COLUMNS = new Int32Array(0);

/** One row's run from a masked canvas to text; `forwardRows` and `commit` alternate until finished. */
export class ReverseProcess extends RunCounts {
  readonly canvas: Canvas;
  readonly settings: SamplingSettings;
  /** Drawn from only where temperature > 0 or remasking is random. */
  readonly random: RandomSource;
  /** Most steps of the run, revision included; exactly so many under LLaDA's schedule by itself. */
  readonly maxSteps: number;
  readonly #constraint: CandidateConstraint | null;
  readonly #walk: BlockWalk;
  readonly #cache: BlockCache;
  readonly #revision: Revision;
  /** `[length]`: 1 where the column held a token at the start, so that guidance hides it. */
  #isGiven: Uint8Array;
  #phase: RunPhase;
  /** How rows ask for choices; empty where they ask for logits. */
  readonly #asked: Pick<PredictorRow, "namedTokenIds">;

  /**
   * @param canvas Owned by this process until it is finished.
   * @param constraint What masked columns may hold, met by `canvas`; null where anything. Under one,
   *   every block ends filled.
   * @param progress Where an interrupted run stood; null at the start of a run.
   * @throws {ApiError} `invalid_parameter` if the canvas has holes and its length would change.
   */
  constructor(
    canvas: Canvas,
    settings: SamplingSettings,
    random: RandomSource,
    constraint: CandidateConstraint | null = null,
    progress: ProcessProgress | null = null,
  ) {
    super(progress);
    if (canvas.holeColumns !== null) checkFixedLength(settings);
    this.canvas = canvas;
    this.settings = settings;
    this.random = random;
    this.#constraint = constraint;
    const { maskTokenId } = settings;
    this.#isGiven =
      progress?.isGiven ?? Uint8Array.from(canvas.tokenIds, (id) => (id === maskTokenId ? 0 : 1));
    this.maxSteps = progress?.maxSteps ?? longestRun(settings, canvas.countMasked(maskTokenId));
    this.#phase = progress?.phase ?? (settings.adaptiveLength === null ? "blocks" : "length");
    this.#asked = constraint === null ? askForChoices(settings) : {};
    this.#cache = new BlockCache(settings.cache, progress?.contextTokenIds ?? null);
    this.#walk = new BlockWalk(canvas, settings, constraint !== null, progress?.position ?? null);
    this.#revision = new Revision(settings, progress?.revision ?? null);
  }

  /** True when no step is left; the canvas is final, and may hold masks that the network predicted. */
  get isFinished(): boolean {
    return this.#phase === "finished";
  }

  /** True before the first step of a block, and where no block is denoised. */
  get isBetweenBlocks(): boolean {
    return this.#phase !== "blocks" || this.#walk.blockStep === 0;
  }

  /** The block that is being denoised, from 0; `blockCount` when none is any more. */
  get block(): number {
    return this.#phase === "blocks" || this.#phase === "length"
      ? this.#walk.block
      : this.blockCount;
  }

  /** Steps of the run that an early end left out; 0 until it is finished. */
  get stepsSaved(): number {
    return this.isFinished ? this.maxSteps - this.step : 0;
  }

  /** Rows that the next step feeds: one, with guidance two. */
  get rowCount(): number {
    return this.settings.guidanceScale > 0 && !this.#isMeasuring() ? 2 : 1;
  }

  /** The part of the canvas that the next step feeds. */
  get fedSpan(): FedSpan {
    return this.#cache.span(this.#phase === "blocks" ? this.#walk : null, this.canvas.length);
  }

  /** Blocks of the generation region. */
  get blockCount(): number {
    return this.#walk.blockCount;
  }

  /**
   * The column before which nothing changes any more: every column when finished, the first mask
   * before, and none of the generation region where revision may come back to it.
   */
  get finalEnd(): number {
    if (this.isFinished) return this.canvas.length;
    if (this.settings.revisionSteps > 0) return this.canvas.promptLength;
    const { tokenIds, promptLength, length } = this.canvas;
    const masked = tokenIds.indexOf(this.settings.maskTokenId, promptLength);
    return masked < 0 ? length : masked;
  }

  /** Everything that a run is made of beside its canvas, settings, random source and constraint. */
  get progress(): ProcessProgress {
    return {
      phase: this.#phase,
      step: this.step,
      hastenedSteps: this.hastenedSteps,
      maxSteps: this.maxSteps,
      position: this.#walk.position,
      passesByLength: [...this.passesByLength],
      positionsComputed: this.positionsComputed,
      contextTokenIds: this.#cache.contextTokenIds,
      isGiven: this.#isGiven,
      revision: this.#revision.progress,
    };
  }

  /**
   * What the next step feeds to the network: the canvas, and with guidance the canvas without its
   * prompt; a part of them where a cache stands for the rest.
   */
  forwardRows(): PredictorRow[] {
    const { tokenIds, attended } = this.canvas;
    const candidateColumns = this.#fedColumns();
    const span = this.fedSpan;
    const hidePrompt = (ids: Int32Array) =>
      unconditionalTokenIds(ids, this.#isGiven, this.settings.maskTokenId);
    const views = [(ids: Int32Array) => ids, hidePrompt].slice(0, this.rowCount);
    return views.map((view) => {
      const row = { tokenIds: view(tokenIds), attended, candidateColumns, ...this.#asked };
      return this.#cache.feed(row, span, view);
    });
  }

  /**
   * Takes the network's answer and writes this step's tokens.
   *
   * @param answers One per forward row, in their order: choices where the row asks for them, else
   *   `[candidates, logitCount]` row-major float32; logits will do for either. Overwritten.
   * @param stepsAfter Steps that there is time for after this one; null where time does not matter.
   * @throws {ApiError} `session_failed` if an answer has another shape or a candidate has no
   *   finite logit (a broken model); the canvas is then unchanged.
   *
   * Deterministic for equal canvas, settings, random source, answers and `stepsAfter`. Equal
   * confidences: lowest column first. O(candidates × logitCount).
   */
  commit(
    answers: readonly RowAnswer[],
    logitCount: number,
    stepsAfter: number | null = null,
  ): DenoisingStep {
    const { settings, canvas } = this;
    const columns = this.#candidateColumns();
    const step = this.step;
    const { scan, endConfidence } = scanAnswers(answers, {
      settings,
      logitCount,
      columns,
      columnsFed: this.#fedColumns(),
      measuredColumns: this.#phase === "revision" ? null : canvas.generationLength,
      guidanceScale: this.rowCount > 1 ? settings.guidanceScale : 0,
      random: this.random,
      step,
      draft: this.#constraint && new ConstraintDraft(this.#constraint, canvas.tokenIds),
    });
    const asked = this.#fillsAll()
      ? { quota: columns.length, leastCount: 0, mustProgress: true, fillsFrom: 0 }
      : this.#walk.duty(columns.length);
    const duty = stepsAfter === null ? asked : this.#walk.hasten(asked, stepsAfter + 1);
    const result = denoiseStep(scan, settings, duty);
    if (duty !== asked && writesMore(result, asked, settings)) this.countHastened();
    const { forward, start, end, isContext } = this.fedSpan;
    const fedColumns = end - start;
    const place = { block: this.block, blockStep: this.#walk.blockStep, step, quota: duty.quota };
    if (isContext) this.#cache.begin(canvas.tokenIds);
    this.countRows(canvas.length, fedColumns, answers.length);
    const committed = this.#write(result.selected, result);
    const change = this.#advance(result, endConfidence, stepsAfter ?? Number.MAX_SAFE_INTEGER);
    const maskedCount = canvas.countMasked(settings.maskTokenId);
    const { forwardPasses } = this;
    const fed = { forward, fedColumns, forwardPasses };
    return { ...result, ...place, committed, ...change, maskedCount, ...fed };
  }

  /** The step only measures how long the canvas should be. */
  #isMeasuring(): boolean {
    return this.#phase === "length" && !this.#isLastOfAdaptive();
  }

  #isLastOfAdaptive(): boolean {
    const { adaptiveLength, steps } = this.settings;
    return adaptiveLength !== null && this.#phase !== "revision" && this.step + 1 >= steps;
  }

  /** The step leaves no mask on the canvas. */
  #fillsAll(): boolean {
    return this.#phase === "revision" || this.#isLastOfAdaptive();
  }

  /** Columns whose logits are wanted: the candidates, and for an adaptive length what it measures. */
  #fedColumns(): Int32Array {
    const { canvas, settings } = this;
    if (settings.adaptiveLength === null || this.#phase === "revision") {
      return this.#candidateColumns();
    }
    const masked = canvas.maskedColumns(settings.maskTokenId, 0, canvas.promptLength);
    const columns = new Int32Array(masked.length + canvas.generationLength);
    columns.set(masked);
    for (let i = 0; i < canvas.generationLength; i += 1) {
      columns[masked.length + i] = canvas.promptLength + i;
    }
    return columns;
  }

  /**
   * Masks before the current block's end; those left in the prompt and in earlier blocks included, where
   * they are fed.
   */
  #candidateColumns(): Int32Array {
    if (this.#isMeasuring()) return NO_COLUMNS;
    const end = this.#fillsAll() ? this.canvas.length : this.#walk.end;
    return this.canvas.maskedColumns(this.settings.maskTokenId, this.fedSpan.start, end);
  }

  #write(selected: Int32Array, candidates: CandidateSet): Int32Array {
    const { maskTokenId, revisionSteps } = this.settings;
    let candidate = 0;
    for (const column of selected) {
      while (candidates.positions[candidate] !== column) candidate += 1;
      const tokenId = candidates.tokenIds[candidate] ?? maskTokenId;
      this.canvas.tokenIds[column] = tokenId;
      const confidence = candidates.confidences[candidate] ?? 0;
      if (revisionSteps > 0) this.#revision.record(column, tokenId, confidence);
    }
    return selected.filter((column) => this.canvas.tokenIds[column] !== maskTokenId);
  }

  #advance(result: CandidateSet, endConfidence: number, stepsAfter: number): Change {
    const { settings } = this;
    const isMeasuring = this.#isMeasuring();
    const isLast = this.#isLastOfAdaptive();
    this.countStep();
    if (isMeasuring) return this.#measure(endConfidence);
    if (this.#phase === "revision") return this.#endRound(stepsAfter);
    this.#phase = "blocks";
    if (settings.earlyExit && findTextEnd(this.canvas, settings) !== null) {
      return this.#endRound(stepsAfter);
    }
    const { start } = this.#walk;
    const growth = isLast
      ? null
      : planExpansion(this.canvas, settings, result, start, endConfidence);
    const resize = this.#resize(growth);
    this.#walk.advance(this.hastenedSteps > 0);
    if (this.#walk.isFinished) return this.#endRound(stepsAfter);
    return { remasked: NO_COLUMNS, resize };
  }

  #measure(endConfidence: number): Change {
    const plan = planLength(this.canvas, this.settings, endConfidence);
    if (plan.isSettled) this.#phase = "blocks";
    return { remasked: NO_COLUMNS, resize: this.#resize(plan.resize) };
  }

  #resize(change: CanvasResize | null): CanvasResize | null {
    if (change?.kind === "truncate") this.canvas.truncate(change.length);
    if (change?.kind === "insert") {
      const { column, count, tokenId } = change;
      this.canvas.insert(column, count, tokenId);
      this.#isGiven = insertColumns(this.#isGiven, column, count, 0);
      this.#revision.insert(column, count);
    }
    return change;
  }

  /** Ends the blocks or a revision step: the tail is cut off, and a revision step begins or none. */
  #endRound(stepsAfter: number): Change {
    const { canvas, settings } = this;
    const resize = this.#resize(planTrim(canvas, settings));
    const end = findTextEnd(canvas, settings) ?? canvas.length;
    const hasMasks = canvas.countMasked(settings.maskTokenId) > 0;
    // Masks that a schedule has left are filled all the same.
    const limit = Math.max(stepsAfter, hasMasks ? 1 : 0);
    if (this.#revision.limit(limit, canvas, end, this.#isGiven)) this.countHastened();
    const remasked = this.#revision.begin(canvas, end, this.#isGiven, hasMasks);
    this.#phase = remasked === null ? "finished" : "revision";
    for (const column of remasked ?? []) canvas.tokenIds[column] = settings.maskTokenId;
    return { remasked: remasked ?? NO_COLUMNS, resize };
  }
}
