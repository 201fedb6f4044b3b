/**
 * The loop: schedule → pack → predict → denoise → publish, once per denoising step.
 *
 * Owns: the generations of this node, who is admitted, and what a failed pass means.
 * Does not own: the order of turns (scheduler.ts), the network (the MaskPredictor port), HTTP.
 * Walk: step 8.
 */
import { ApiError } from "#shared/contracts/errors.ts";
import type { RowAnswer } from "../canvas/candidate-choices.ts";
import { packRows, splitAnswer } from "../canvas/canvas-batch.ts";
import type { MaskPredictor } from "../model-runner/mask-predictor.ts";
import type { EngineJob } from "./engine-job.ts";
import { type EngineLoad, readLoad, StepTimes } from "./engine-load.ts";
import type { Logger } from "./logger.ts";
import { Scheduler, type SchedulerLimits } from "./scheduler.ts";

/** What an engine is made of. */
export interface EngineParts {
  readonly maskPredictor: MaskPredictor;
  readonly limits: SchedulerLimits;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly logger: Logger;
}

/** Longest wait that an overloaded node tells a client, seconds. */
const MAX_RETRY_AFTER_SECONDS = 60;
/** The loop hands the thread back after this long between two passes, so that requests are heard. */
const MAX_BUSY_MS = 10;

/** Runs every generation of this node; requests join and leave between any two steps. */
export class Engine {
  readonly #maskPredictor: MaskPredictor;
  readonly #scheduler: Scheduler<EngineJob>;
  readonly #now: () => number;
  readonly #logger: Logger;
  readonly #generations = new Map<string, EngineJob>();
  readonly #stepTimes = new StepTimes();
  #isLooping = false;
  #isDraining = false;
  /** A drain that takes too long ends everything at the next step. */
  #isOutOfTime = false;
  #onIdle: (() => void)[] = [];

  constructor(parts: EngineParts) {
    this.#maskPredictor = parts.maskPredictor;
    this.#scheduler = new Scheduler(parts.limits);
    this.#now = parts.now;
    this.#logger = parts.logger;
  }

  /** True once {@link drain} was called. */
  get isDraining(): boolean {
    return this.#isDraining;
  }

  get load(): EngineLoad {
    return readLoad(this.#scheduler.items, this.#stepTimes);
  }

  /**
   * Admits `generation`; its events follow after this call has returned.
   *
   * @returns How many generations run or wait before it.
   * @throws {ApiError} `no_ready_node` while draining, `overloaded` when there is no room,
   *   `invalid_parameter` if its request id is in use.
   */
  submit(generation: EngineJob): number {
    if (this.#isDraining) throw shuttingDown();
    if (this.#generations.has(generation.requestId)) {
      throw new ApiError("invalid_parameter", "The request id is in use.", { param: "request_id" });
    }
    if (!this.#scheduler.hasRoomFor(generation)) {
      throw new ApiError("overloaded", "The node has no room for another request.", {
        retryAfterSeconds: this.#retryAfterSeconds(),
      });
    }
    const ahead = this.#scheduler.items.length;
    this.#scheduler.admit(generation);
    this.#generations.set(generation.requestId, generation);
    this.#startLoop();
    return ahead;
  }

  /**
   * Ends a generation at the next step.
   *
   * @returns False if no such generation runs or waits.
   */
  cancel(requestId: string): boolean {
    const generation = this.#generations.get(requestId);
    generation?.cancel();
    return generation !== undefined;
  }

  /**
   * Admits no more, and ends what it has so that another node can go on with it: what waits at once,
   * what runs at the end of its block. What no other node could go on with runs to its end.
   *
   * @returns Resolves when the last generation has ended.
   */
  drain(): Promise<void> {
    this.#isDraining = true;
    return new Promise((resolve) => {
      this.#onIdle.push(resolve);
      if (!this.#isLooping) this.#tellIdle();
    });
  }

  /** Ends every generation at the next step. */
  cancelAll(): void {
    for (const generation of this.#generations.values()) generation.cancel();
  }

  /** Ends a drain: all that is left is handed back at its next step. */
  handBackAll(): void {
    this.#isOutOfTime = true;
  }

  /** One turn of the loop: at most one forward pass. Never rejects. */
  async #step(): Promise<void> {
    for (const generation of this.#scheduler.items) {
      if (generation.isCancelled) this.#end(generation, () => generation.finishCancelled());
      else if (generation.isComplete) this.#end(generation, () => generation.finishCompleted());
      else if (this.#isDraining && (generation.isBetweenBlocks || this.#isOutOfTime)) {
        this.#end(generation, () => generation.fail(shuttingDown()));
      }
    }
    const scheduled = this.#scheduler.schedule();
    if (scheduled.length === 0) return;
    const startedAt = this.#now();
    const shape = scheduled[0]?.passShape.key ?? "";
    await this.#runPass(scheduled);
    const elapsedMs = this.#now() - startedAt;
    this.#stepTimes.add(shape, elapsedMs);
  }

  async #runPass(scheduled: readonly EngineJob[]): Promise<void> {
    const { logitCount } = this.#maskPredictor;
    try {
      const rows = scheduled.map((generation) => generation.forwardRows());
      const batch = packRows(rows.flat(), scheduled[0]?.passShape.length ?? 0);
      const answer = await this.#maskPredictor.predict(batch);
      await this.#commitEach(scheduled, splitAnswer(rows.flat(), answer, logitCount));
    } catch (thrown) {
      // Only what the whole batch shares ends up here: packing and the network.
      for (const generation of scheduled) this.#fail(generation, thrown);
    }
  }

  async #commitEach(scheduled: readonly EngineJob[], answers: readonly RowAnswer[]): Promise<void> {
    let row = 0;
    let heardAt = this.#now();
    for (const generation of scheduled) {
      const own = answers.slice(row, row + generation.rowCount);
      row += generation.rowCount;
      this.#commit(generation, own);
      if (this.#now() - heardAt < MAX_BUSY_MS) continue;
      await handBackThread();
      heardAt = this.#now();
    }
  }

  #commit(generation: EngineJob, answers: readonly RowAnswer[]): void {
    try {
      generation.commit(answers, this.#maskPredictor.logitCount);
      if (generation.isFinished) this.#forget(generation);
    } catch (thrown) {
      this.#fail(generation, thrown);
    }
  }

  #fail(generation: EngineJob, thrown: unknown): void {
    const error =
      thrown instanceof ApiError
        ? thrown
        : new ApiError("session_failed", "The denoising step failed.", { cause: thrown });
    this.#logger.error("generation_failed", {
      request_id: generation.requestId,
      code: error.code,
      // The kind of a foreign error; its message may quote what it worked on.
      cause: thrown instanceof Error ? thrown.name : typeof thrown,
    });
    this.#end(generation, () => generation.fail(error));
  }

  #end(generation: EngineJob, finish: () => void): void {
    this.#forget(generation);
    try {
      finish();
    } catch (thrown) {
      this.#logger.error("listener_failed", {
        request_id: generation.requestId,
        cause: thrown instanceof Error ? thrown.name : typeof thrown,
      });
    }
  }

  #forget(generation: EngineJob): void {
    this.#scheduler.remove(generation);
    this.#generations.delete(generation.requestId);
  }

  #startLoop(): void {
    if (this.#isLooping) return;
    this.#isLooping = true;
    void this.#loop();
  }

  async #loop(): Promise<void> {
    while (this.#scheduler.items.length > 0) {
      // First, so that requests of the same moment share the first pass.
      await handBackThread();
      await this.#step();
    }
    this.#isLooping = false;
    if (this.#isDraining) this.#tellIdle();
  }

  #tellIdle(): void {
    for (const resolve of this.#onIdle) resolve();
    this.#onIdle = [];
  }

  #retryAfterSeconds(): number {
    const seconds = Math.ceil((this.#scheduler.stepsUntilRoom() * this.#stepTimes.mean) / 1000);
    return Math.min(MAX_RETRY_AFTER_SECONDS, Math.max(1, seconds));
  }
}

/** To be started, or gone on with, at another node. */
function shuttingDown(): ApiError {
  return new ApiError("no_ready_node", "The node is shutting down.");
}

/** Lets input, timers and other requests run. */
function handBackThread(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
