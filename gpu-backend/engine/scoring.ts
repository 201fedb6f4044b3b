/**
 * Answers being scored: their noisy rows share passes with generations, and write nothing.
 *
 * Owns: which answer's rows are next, what it has cost, telling its listener.
 * Does not own: the estimate (likelihood/), when it runs (scheduler.ts).
 */
import { ApiError } from "#shared/contracts/errors.ts";
import { POSITIONS_PER_STEP_UNIT } from "#shared/contracts/limits.ts";
import type { Tier } from "#shared/contracts/tier-names.ts";
import { DEFAULT_TIER } from "#shared/contracts/tiers.ts";
import { type RowAnswer, takeLogits } from "../canvas/candidate-choices.ts";
import { type PredictorRow, passShape, type RowShape } from "../canvas/canvas-batch.ts";
import { startLikelihood } from "../likelihood/estimate-likelihood.ts";
import type { LikelihoodEstimate } from "../likelihood/likelihood-estimate.ts";
import type { GenerationModel } from "./create-generation.ts";
import type { EngineJob } from "./engine-job.ts";
import type { FinishedEvent, GenerationListener, GenerationUsage } from "./generation-event.ts";

/** Rows of one pass, guidance counted; others wait for it no longer than for a usual batch. */
const MAX_ROWS_PER_PASS = 8;

/** Answers to be scored after a prompt in tokens. */
export interface ScoringOrder {
  readonly requestId: string;
  /** The default tier when left out. */
  readonly tier?: Tier;
  readonly promptTokenIds: ArrayLike<number>;
  readonly answers: readonly string[];
  /** Noisy rows of each answer of more than one token. */
  readonly sampleCount: number;
  readonly guidanceScale: number;
  readonly seed: number;
  readonly listener: GenerationListener;
}

interface AnswerInProgress {
  readonly estimate: LikelihoodEstimate;
  readonly tokenCount: number;
  readonly sampleCount: number;
}

/** One request's answers, one after the other. */
export class Scoring implements EngineJob {
  readonly requestId: string;
  readonly tier: Tier;
  /** An estimate has no fewer rows for haste. */
  readonly deadlineAt = null;
  readonly needsContext = false;
  /** Noisy rows of the whole run. */
  readonly steps: number;
  readonly #answers: readonly AnswerInProgress[];
  readonly #promptLength: number;
  readonly #maxLength: number;
  readonly #bucketStep: number | undefined;
  readonly #listener: GenerationListener;
  /** Of the next pass. */
  #rows: PredictorRow[];
  #step = 0;
  #passCount = 0;
  #positionsComputed = 0;
  #stepUnits = 0;
  #hasStarted = false;
  #isCancelled = false;
  #isFinished = false;

  /**
   * @throws {ApiError} `empty_prompt`, `context_length_exceeded`, or `invalid_parameter` at an answer
   *   without a token.
   */
  constructor(order: ScoringOrder, model: GenerationModel) {
    this.requestId = order.requestId;
    this.tier = order.tier ?? DEFAULT_TIER;
    this.#listener = order.listener;
    this.#maxLength = model.maxLength;
    this.#bucketStep = model.bucketStep;
    this.#promptLength = order.promptTokenIds.length;
    this.#answers = order.answers.map((_, index) => openAnswer(order, index, model));
    this.steps = this.#answers.reduce((sum, { sampleCount }) => sum + sampleCount, 0);
    this.#rows = this.#nextRows();
  }

  get passShape(): RowShape {
    const length = this.#rows[0]?.tokenIds.length ?? 1;
    return passShape(length, null, this.#maxLength, this.#bucketStep);
  }

  get rowCount(): number {
    return this.#rows.length;
  }

  get remainingSteps(): number {
    return Math.max(1, this.steps - this.#step);
  }

  get hasStarted(): boolean {
    return this.#hasStarted;
  }

  get isCancelled(): boolean {
    return this.#isCancelled;
  }

  get isFinished(): boolean {
    return this.#isFinished;
  }

  /** False once noisy rows were fed: another node would have to feed them again. */
  get isBetweenBlocks(): boolean {
    return !this.#hasStarted;
  }

  /** Never from the beginning: every answer has a noisy row. */
  get isComplete(): boolean {
    return this.#current() === undefined;
  }

  cancel(): void {
    this.#isCancelled = true;
  }

  forwardRows(): PredictorRow[] {
    this.#hasStarted = true;
    return this.#rows;
  }

  commit(answers: readonly RowAnswer[], logitCount: number): void {
    const current = this.#current();
    const before = current?.estimate.forwardPasses ?? 0;
    const taken = current?.estimate.result.samples ?? 0;
    current?.estimate.take(takeLogits(answers), logitCount);
    const passes = (current?.estimate.forwardPasses ?? 0) - before;
    const length = this.#rows[0]?.tokenIds.length ?? 0;
    this.#step += (current?.estimate.result.samples ?? 0) - taken;
    this.#passCount += passes;
    this.#positionsComputed += passes * length;
    this.#stepUnits += passes * Math.ceil(length / POSITIONS_PER_STEP_UNIT);
    this.#rows = this.#nextRows();
    this.#listener({
      type: "pass",
      step: this.#step,
      forwardPasses: this.#passCount,
      stepUnits: this.#stepUnits,
    });
    if (this.isComplete) this.finishCompleted();
  }

  finishCompleted(): void {
    this.#finish({
      type: "finished",
      outcome: "completed",
      finishReason: "stop",
      text: "",
      holes: null,
      scores: this.#answers.map(({ estimate, tokenCount }) => ({ ...estimate.result, tokenCount })),
      usage: this.usage,
    });
  }

  finishCancelled(): void {
    const error = new ApiError("cancelled", "The request was cancelled.");
    this.#finish({ type: "finished", outcome: "cancelled", error, usage: this.usage });
  }

  fail(error: ApiError): void {
    this.#finish({ type: "finished", outcome: "failed", error, usage: this.usage });
  }

  #current(): AnswerInProgress | undefined {
    return this.#answers.find(({ estimate }) => !estimate.isFinished);
  }

  #nextRows(): PredictorRow[] {
    return this.#current()?.estimate.forwardRows() ?? [];
  }

  get usage(): GenerationUsage {
    const answerTokens = this.#answers.reduce((sum, { tokenCount }) => sum + tokenCount, 0);
    return {
      promptTokens: this.#promptLength + answerTokens,
      completionTokens: 0,
      steps: this.#step,
      hastenedSteps: 0,
      stepsSaved: 0,
      forwardPasses: this.#passCount,
      positionsComputed: this.#positionsComputed,
      stepUnits: this.#stepUnits,
    };
  }

  #finish(event: FinishedEvent): void {
    if (this.#isFinished) return;
    this.#isFinished = true;
    this.#listener(event);
  }
}

function openAnswer(order: ScoringOrder, index: number, model: GenerationModel): AnswerInProgress {
  const { promptTokenIds, guidanceScale, seed } = order;
  const answerTokenIds = model.codec.encode(order.answers[index] ?? "");
  checkAnswer(promptTokenIds.length, answerTokenIds.length, model.maxLength, `answers.${index}`);
  const { maskTokenId } = model.specialTokens;
  const sampleCount = answerTokenIds.length === 1 ? 1 : order.sampleCount;
  const batchSize = chooseBatchSize(sampleCount, guidanceScale > 0 ? 2 : 1);
  const answer = { promptTokenIds, answerTokenIds, maskTokenId, guidanceScale };
  return {
    estimate: startLikelihood(answer, { sampleCount, batchSize, seed }),
    tokenCount: answerTokenIds.length,
    sampleCount,
  };
}

/** The largest divisor of `sampleCount` whose rows fit into one pass. */
function chooseBatchSize(sampleCount: number, rowsEach: number): number {
  let size = Math.floor(MAX_ROWS_PER_PASS / rowsEach);
  while (sampleCount % size !== 0) size -= 1;
  return size;
}

function checkAnswer(
  promptLength: number,
  answerLength: number,
  maxLength: number,
  param: string,
): void {
  if (promptLength === 0) {
    throw new ApiError("empty_prompt", "The prompt has no token.", { param: "input" });
  }
  if (answerLength === 0) {
    throw new ApiError("invalid_parameter", `The field ${param} has no token.`, { param });
  }
  if (promptLength + answerLength > maxLength) {
    throw new ApiError(
      "context_length_exceeded",
      `The model holds ${maxLength} tokens, prompt and answer need ${promptLength + answerLength}.`,
      { param },
    );
  }
}
