/**
 * A mask predictor whose session's thread is started again when it dies.
 *
 * Owns: when a thread is replaced, which pass is tried again, and when it is given up.
 * Does not own: the thread (onnx-mask-predictor.ts), what a node does without one (main.ts).
 */

import type { BatchAnswer } from "../canvas/candidate-choices.ts";
import type { CanvasBatch } from "../canvas/canvas-batch.ts";
import type { MaskPredictor } from "./mask-predictor.ts";

/** A predictor on a thread of its own. */
export interface ThreadPredictor extends MaskPredictor {
  /** Set once the thread is gone or going; every later call is rejected with it. */
  readonly failure: Error | null;
}

/** Who is told of a thread's end. */
export interface ThreadWatch {
  /** A thread died; another takes its place unless {@link ThreadWatch.onGivenUp} follows. */
  readonly onThreadLost?: (error: unknown) => void;
  /** Told once, when no thread will answer any more. */
  readonly onGivenUp?: (error: unknown) => void;
}

/** Threads in a row that may die without having finished a pass. */
const MAX_DEATHS = 3;
/** Passes are pure, so one that died with its thread is tried again; not one that keeps killing them. */
const MAX_ATTEMPTS = 2;

/** Answers as the thread does that runs now. */
export class RestartingMaskPredictor implements MaskPredictor {
  readonly logitCount: number;
  readonly maxLength: number;
  readonly #start: () => Promise<ThreadPredictor>;
  readonly #watch: ThreadWatch;
  #current: Promise<ThreadPredictor>;
  /** Since the last pass that was finished. */
  #deathCount = 0;
  #isClosed = false;

  /**
   * @param first Loaded already; owned from here on.
   * @param start Loads another one of the same network.
   */
  constructor(
    first: ThreadPredictor,
    start: () => Promise<ThreadPredictor>,
    watch: ThreadWatch = {},
  ) {
    this.logitCount = first.logitCount;
    this.maxLength = first.maxLength;
    this.#current = Promise.resolve(first);
    this.#start = start;
    this.#watch = watch;
  }

  async predict(batch: CanvasBatch): Promise<BatchAnswer> {
    for (let attempt = 1; ; attempt += 1) {
      const thread = await this.#livingThread();
      try {
        const answer = await thread.predict(batch);
        this.#deathCount = 0;
        return answer;
      } catch (error) {
        if (thread.failure === null || this.#isClosed || attempt === MAX_ATTEMPTS) throw error;
      }
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const thread = await this.#current.catch(() => null);
    await thread?.close();
  }

  /** The thread that runs, or another in its place; calls that come at once share it. */
  async #livingThread(): Promise<ThreadPredictor> {
    const observed = this.#current;
    const thread = await observed;
    const mayRestart = this.#deathCount < MAX_DEATHS && !this.#isClosed;
    if (thread.failure === null || !mayRestart) return thread;
    if (this.#current === observed) this.#current = this.#replace(thread);
    return await this.#current;
  }

  async #replace(dead: ThreadPredictor): Promise<ThreadPredictor> {
    this.#deathCount += 1;
    this.#watch.onThreadLost?.(dead.failure);
    try {
      if (this.#deathCount === MAX_DEATHS) throw dead.failure;
      return await this.#start();
    } catch (error) {
      this.#deathCount = MAX_DEATHS;
      this.#watch.onGivenUp?.(error);
      return dead;
    }
  }
}
