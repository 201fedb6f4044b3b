/**
 * The loop: schedule → pack → predict → denoise → publish, once per denoising step.
 *
 * Owns: the generations of this node, who is admitted, and what a failed pass means.
 * Does not own: the order of turns (scheduler.ts), the network (the MaskPredictor port), HTTP.
 * Walk: step 8.
 */
import { ApiError } from "#shared/contracts/errors.ts";
import type { RowAnswer } from "../canvas/candidate-choices.ts";
import { countNeeded, splitAnswer } from "../canvas/canvas-batch.ts";
import type { MaskPredictor } from "../model-runner/mask-predictor.ts";
import type { EngineJob, PassTiming } from "./engine-job.ts";
import { countPages, type EngineLoad, readLoad } from "./engine-load.ts";
import { type EngineObserver, NO_OBSERVER } from "./engine-observer.ts";
import { type ForecastSettings, forecastWait, retryAfterSeconds } from "./forecast.ts";
import type { FinishedEvent } from "./generation-event.ts";
import { handBackThread } from "./hand-back-thread.ts";
import { Lanes } from "./lanes.ts";
import type { Logger } from "./logger.ts";
import { packJobs } from "./pack-jobs.ts";
import { Scheduler, type SchedulerLimits } from "./scheduler.ts";
import { StepTimes } from "./step-times.ts";
import { WorkRate } from "./work-rate.ts";

/** What an engine is made of. */
export interface EngineParts {
  readonly maskPredictor: MaskPredictor;
  readonly limits: SchedulerLimits;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly logger: Logger;
  /** Nobody when left out. */
  readonly observer?: EngineObserver;
}

/** Where a generation stands that was admitted. */
export interface Admission {
  /** Generations that run or wait before it. */
  readonly ahead: number;
  /** Milliseconds until its first pass, predicted; null as long as no pass was measured. */
  readonly waitMs: number | null;
}

/** A generation that was admitted. */
interface AdmittedJob {
  readonly job: EngineJob;
  /** Epoch milliseconds. */
  readonly admittedAt: number;
}

/** The loop hands the thread back after this long between two passes, so that requests are heard. */
const MAX_BUSY_MS = 10;

/** Runs every generation of this node; requests join and leave between any two steps. */
export class Engine {
  readonly #maskPredictor: MaskPredictor;
  readonly #limits: SchedulerLimits;
  readonly #scheduler: Scheduler<EngineJob>;
  readonly #lanes: Lanes;
  readonly #stepTimes = new StepTimes();
  readonly #workRate = new WorkRate();
  readonly #now: () => number;
  readonly #logger: Logger;
  readonly #observer: EngineObserver;
  readonly #jobs = new Map<string, AdmittedJob>();
  #isLooping = false;
  #isDraining = false;
  /** A drain that takes too long ends everything at the next step. */
  #isOutOfTime = false;
  #onIdle: (() => void)[] = [];
  /** Resolves when the loop has something to do. */
  #wake = Promise.withResolvers<void>();

  constructor(parts: EngineParts) {
    this.#maskPredictor = parts.maskPredictor;
    this.#limits = parts.limits;
    this.#scheduler = new Scheduler(parts.limits);
    this.#lanes = new Lanes(parts.maskPredictor.sideLaneCount ?? 0);
    this.#now = parts.now;
    this.#logger = parts.logger;
    this.#observer = parts.observer ?? NO_OBSERVER;
  }

  /** True once {@link drain} was called. */
  get isDraining(): boolean {
    return this.#isDraining;
  }

  get load(): EngineLoad {
    return readLoad(this.#scheduler.items, this.#stepTimes, this.#workRate.perSecond);
  }

  /**
   * Admits `generation`; its events follow after this call has returned.
   *
   * @throws {ApiError} `no_ready_node` while draining, `overloaded` when there is no room,
   *   `invalid_parameter` if its request id is in use.
   */
  submit(generation: EngineJob): Admission {
    if (this.#isDraining) throw shuttingDown();
    if (this.#jobs.has(generation.requestId)) {
      throw new ApiError("invalid_parameter", "The request id is in use.", { param: "request_id" });
    }
    const before = this.#scheduler.items;
    if (!this.#scheduler.hasRoomFor(generation)) {
      throw new ApiError("overloaded", "The node has no room for another request.", {
        retryAfterSeconds: retryAfterSeconds(before, this.#stepTimes, this.#forecastSettings()),
      });
    }
    const waitMs = forecastWait(generation, before, this.#stepTimes, this.#forecastSettings());
    const admittedAt = this.#now();
    this.#scheduler.admit(generation, admittedAt);
    this.#jobs.set(generation.requestId, { job: generation, admittedAt });
    this.#startLoop();
    this.#wake.resolve();
    return { ahead: before.length, waitMs };
  }

  /**
   * Ends a generation at the next step.
   *
   * @returns False if no such generation runs or waits.
   */
  cancel(requestId: string): boolean {
    const admitted = this.#jobs.get(requestId);
    admitted?.job.cancel();
    return admitted !== undefined;
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
    for (const { job } of this.#jobs.values()) job.cancel();
  }

  /** Ends a drain: all that is left is handed back at its next step. */
  handBackAll(): void {
    this.#isOutOfTime = true;
  }

  /** Ends what has no further pass, but for what is in one. */
  #endSettled(): void {
    for (const generation of this.#scheduler.items) {
      if (this.#scheduler.isUnderWay(generation)) continue;
      if (generation.isCancelled) {
        this.#end(generation, "cancelled", () => generation.finishCancelled());
      } else if (generation.isComplete) {
        this.#end(generation, "completed", () => generation.finishCompleted());
      } else if (this.#isDraining && (generation.isBetweenBlocks || this.#isOutOfTime)) {
        this.#end(generation, "failed", () => generation.fail(shuttingDown()));
      }
    }
  }

  /** Begins a pass in every lane that is free and has work. */
  #startPasses(): void {
    const { count } = this.#scheduler;
    const laneCount = this.#lanes.countFor(count);
    for (const lane of this.#lanes.free(count)) {
      const scheduled = this.#scheduler.schedule({ lane, laneCount, now: this.#now() });
      if (scheduled.length > 0) void this.#occupy(lane, scheduled);
    }
  }

  async #occupy(lane: number, scheduled: readonly EngineJob[]): Promise<void> {
    this.#lanes.enter(lane);
    await this.#runPass(lane, scheduled);
    this.#scheduler.release(scheduled);
    this.#lanes.leave(lane);
    this.#wake.resolve();
  }

  /** Never rejects. */
  async #runPass(lane: number, scheduled: readonly EngineJob[]): Promise<void> {
    const shape = scheduled[0]?.passShape;
    if (shape === undefined) return;
    const startedAt = this.#now();
    for (const generation of scheduled) this.#tellStart(generation, startedAt);
    try {
      const { rows, batch } = packJobs(scheduled, shape.length);
      const answer = await this.#maskPredictor.predict(batch, lane);
      const endedAt = this.#now();
      const elapsedMs = endedAt - startedAt;
      this.#stepTimes.add(shape, rows.length, elapsedMs);
      this.#workRate.add(rows.length * countPages(shape.length), endedAt);
      const neededColumns = countNeeded(rows);
      const { recomputedColumns = 0 } = answer;
      const rowCount = rows.length;
      this.#observer.passEnded({ shape, rowCount, neededColumns, recomputedColumns, elapsedMs });
      const answers = splitAnswer(rows, answer, this.#maskPredictor.logitCount);
      await this.#commitEach(scheduled, answers, { endedAt, elapsedMs });
    } catch (thrown) {
      // Only what the whole batch shares ends up here: packing and the network.
      for (const generation of scheduled) this.#fail(generation, thrown);
    }
  }

  #tellStart(generation: EngineJob, now: number): void {
    const admitted = this.#jobs.get(generation.requestId);
    if (generation.hasStarted || admitted === undefined) return;
    this.#observer.jobStarted(generation.tier, now - admitted.admittedAt);
  }

  async #commitEach(
    scheduled: readonly EngineJob[],
    answers: readonly RowAnswer[],
    timing: PassTiming,
  ): Promise<void> {
    let row = 0;
    let heardAt = this.#now();
    for (const generation of scheduled) {
      const own = answers.slice(row, row + generation.rowCount);
      row += generation.rowCount;
      this.#commit(generation, own, timing);
      if (this.#now() - heardAt < MAX_BUSY_MS) continue;
      await handBackThread();
      heardAt = this.#now();
    }
  }

  #commit(generation: EngineJob, answers: readonly RowAnswer[], timing: PassTiming): void {
    try {
      generation.commit(answers, this.#maskPredictor.logitCount, timing);
    } catch (thrown) {
      this.#fail(generation, thrown);
      return;
    }
    if (!generation.isFinished) return;
    const { tier, usage, steps } = generation;
    this.#stepTimes.addRun(tier, usage.steps, steps);
    this.#forget(generation, "completed");
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
    this.#end(generation, "failed", () => generation.fail(error));
  }

  #end(generation: EngineJob, outcome: FinishedEvent["outcome"], finish: () => void): void {
    this.#forget(generation, outcome);
    try {
      finish();
    } catch (thrown) {
      this.#logger.error("listener_failed", {
        request_id: generation.requestId,
        cause: thrown instanceof Error ? thrown.name : typeof thrown,
      });
    }
  }

  #forget(generation: EngineJob, outcome: FinishedEvent["outcome"]): void {
    this.#scheduler.remove(generation);
    // A pass that fails behind the step that ended a generation ends it once more.
    if (!this.#jobs.delete(generation.requestId)) return;
    const { tier, usage, deadlineAt } = generation;
    const isLate = deadlineAt !== null && this.#now() > deadlineAt;
    this.#observer.jobEnded({ tier, outcome, usage, isLate });
  }

  #startLoop(): void {
    if (this.#isLooping) return;
    this.#isLooping = true;
    this.#workRate.begin(this.#now());
    void this.#loop();
  }

  async #loop(): Promise<void> {
    while (this.#scheduler.count > 0) {
      // First, so that requests of the same moment share the first pass.
      await handBackThread();
      this.#wake = Promise.withResolvers();
      this.#endSettled();
      this.#startPasses();
      if (this.#lanes.busyCount > 0) await this.#wake.promise;
    }
    this.#isLooping = false;
    if (this.#isDraining) this.#tellIdle();
  }

  #tellIdle(): void {
    for (const resolve of this.#onIdle) resolve();
    this.#onIdle = [];
  }

  #forecastSettings(): ForecastSettings {
    const laneCount = this.#lanes.countFor(this.#scheduler.count);
    return { maxBatchRows: this.#limits.maxBatchRows, laneCount };
  }
}

/** To be started, or gone on with, at another node. */
function shuttingDown(): ApiError {
  return new ApiError("no_ready_node", "The node is shutting down.");
}
