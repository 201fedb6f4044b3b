/**
 * LLaDA's Monte Carlo bound on the log-likelihood of an answer, driven from outside.
 *
 * Owns: what is fed next, the batches' losses, the estimate and its standard error.
 * Does not own: the forward pass, which other rows share it (engine/).
 */

import type { PredictorRow } from "../canvas/canvas-batch.ts";
import { guideLogits, unconditionalTokenIds } from "../sampler/guidance.ts";
import { crossEntropy } from "./cross-entropy.ts";

/** An answer to score. */
export interface ScoredAnswer {
  readonly promptTokenIds: ArrayLike<number>;
  /** At least one token, none of them the mask id. */
  readonly answerTokenIds: ArrayLike<number>;
  readonly maskTokenId: number;
  /** 0 is no guidance; above, every noisy row is fed twice. */
  readonly guidanceScale: number;
}

/** The result of an estimate. */
export interface Likelihood {
  /** A lower bound in expectation, nats; at most 0 but for guidance. */
  readonly logLikelihood: number;
  /** Of the mean over the batches, nats; over the rows where there is one batch. */
  readonly standardError: number;
  /** Noisy rows. */
  readonly samples: number;
}

/** One answer's estimate; `forwardRows` and `take` alternate, batch by batch, until finished. */
export class LikelihoodEstimate {
  readonly #answer: ScoredAnswer;
  readonly #tokenIds: Int32Array;
  readonly #isPrompt: Uint8Array;
  readonly #batchCount: number;
  readonly #drawBatch: (batch: number) => readonly Int32Array[];
  /** The rows of the batch that is being fed. */
  #noisyRows: readonly Int32Array[];
  readonly #batchLosses: number[] = [];
  readonly #rowLosses: number[] = [];
  #forwardPasses = 0;

  /**
   * @param batchCount At least 1.
   * @param drawBatch The noisy rows of one batch, `[length]` each: prompt and answer with at least one
   *   answer token masked, the same number of rows in every batch.
   */
  constructor(
    answer: ScoredAnswer,
    batchCount: number,
    drawBatch: (batch: number) => readonly Int32Array[],
  ) {
    this.#answer = answer;
    this.#tokenIds = joinTokenIds(answer);
    const { length: promptLength } = answer.promptTokenIds;
    this.#isPrompt = Uint8Array.from(this.#tokenIds, (_, column) =>
      column < promptLength ? 1 : 0,
    );
    this.#batchCount = batchCount;
    this.#drawBatch = drawBatch;
    this.#noisyRows = drawBatch(0);
  }

  /** True when every batch has been taken. */
  get isFinished(): boolean {
    return this.#batchLosses.length >= this.#batchCount;
  }

  /** Rows fed to the network so far. */
  get forwardPasses(): number {
    return this.#forwardPasses;
  }

  /** The next batch's rows, each followed by its copy without the prompt where there is guidance. */
  forwardRows(): PredictorRow[] {
    const { maskTokenId, guidanceScale } = this.#answer;
    return this.#noisyRows.flatMap((tokenIds) => {
      const candidateColumns = this.#maskedColumns(tokenIds);
      const row = { tokenIds, attended: null, candidateColumns };
      if (guidanceScale === 0) return [row];
      const hidden = unconditionalTokenIds(tokenIds, this.#isPrompt, maskTokenId);
      return [row, { ...row, tokenIds: hidden }];
    });
  }

  /**
   * Takes the network's answer for the batch.
   *
   * @param logits One `[masked, logitCount]` row-major float32 per forward row, in their order;
   *   overwritten where there is guidance.
   * @throws {ApiError} `session_failed` if the logits have another shape or a column has no finite one.
   */
  take(logits: readonly Float32Array[], logitCount: number): void {
    const rowsEach = this.#answer.guidanceScale > 0 ? 2 : 1;
    const losses = this.#noisyRows.map((tokenIds, index) => {
      const own = logits.slice(index * rowsEach, (index + 1) * rowsEach);
      return this.#rowLoss(tokenIds, own, logitCount);
    });
    this.#rowLosses.push(...losses);
    this.#batchLosses.push(mean(losses));
    this.#forwardPasses += logits.length;
    if (!this.isFinished) this.#noisyRows = this.#drawBatch(this.#batchLosses.length);
  }

  /** The estimate over the batches taken so far; NaN before the first. */
  get result(): Likelihood {
    // Batches are independent; the rows of one are stratified, so their spread overstates the error.
    const draws = this.#batchLosses.length > 1 ? this.#batchLosses : this.#rowLosses;
    return {
      logLikelihood: -mean(this.#batchLosses),
      standardError: standardErrorOfMean(draws),
      samples: this.#rowLosses.length,
    };
  }

  /** Cross entropy of the hidden tokens, weighted by answer length / hidden tokens. */
  #rowLoss(tokenIds: Int32Array, logits: readonly Float32Array[], logitCount: number): number {
    const columns = this.#maskedColumns(tokenIds);
    const size = columns.length * logitCount;
    const guided = guideLogits(logits, size, this.#answer.guidanceScale);
    let sum = 0;
    for (const [index, column] of columns.entries()) {
      const start = index * logitCount;
      const tokenId = this.#tokenIds[column] as number;
      sum += crossEntropy(guided, start, start + logitCount, tokenId);
    }
    return (sum * this.#answer.answerTokenIds.length) / columns.length;
  }

  #maskedColumns(tokenIds: Int32Array): Int32Array {
    const { maskTokenId } = this.#answer;
    return Int32Array.from(tokenIds.keys()).filter((column) => tokenIds[column] === maskTokenId);
  }
}

/** `[length]`: prompt, then answer. */
export function joinTokenIds(answer: ScoredAnswer): Int32Array {
  const { promptTokenIds, answerTokenIds } = answer;
  const tokenIds = new Int32Array(promptTokenIds.length + answerTokenIds.length);
  tokenIds.set(promptTokenIds);
  tokenIds.set(answerTokenIds, promptTokenIds.length);
  return tokenIds;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** 0 for a single draw. */
function standardErrorOfMean(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const center = mean(values);
  const squares = values.reduce((sum, value) => sum + (value - center) ** 2, 0);
  return Math.sqrt(squares / (values.length - 1) / values.length);
}
