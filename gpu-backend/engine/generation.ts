/**
 * One request's state, from admission to its last event.
 *
 * Owns: its reverse process and text, what it has cost, and telling its listener.
 * Does not own: when it runs (scheduler.ts), the forward pass (engine.ts), the wire (server/).
 */
import { ApiError } from "#shared/contracts/errors.ts";
import { POSITIONS_PER_STEP_UNIT } from "#shared/contracts/limits.ts";
import type { Tier } from "#shared/contracts/tier-names.ts";
import type { RowAnswer } from "../canvas/candidate-choices.ts";
import { type PredictorRow, passShape, type RowShape } from "../canvas/canvas-batch.ts";
import { toFrame } from "../sampler/denoising-frame.ts";
import type { Digest } from "../sampler/process-state.ts";
import { Deadline } from "./deadline.ts";
import type { EngineJob, PassTiming } from "./engine-job.ts";
import type {
  FilledHole,
  FinishedEvent,
  GenerationListener,
  GenerationUsage,
  StartedEvent,
} from "./generation-event.ts";
import type { GenerationText } from "./generation-text.ts";
import type { GenerationProcess } from "./infill-process.ts";
import type { TokenDecoder } from "./text-assembly.ts";

/** What a generation is made of; see `create-generation.ts`. */
export interface GenerationParts {
  readonly requestId: string;
  readonly tier: Tier;
  /** Epoch milliseconds by which its last step should be done; null where no time is asked for. */
  readonly deadlineAt: number | null;
  readonly process: GenerationProcess;
  readonly text: GenerationText;
  /** Reads a template's holes once they are filled; null where there is no template. */
  readonly readHoles: (() => FilledHole[]) | null;
  /** Columns before a template, or before the masks. */
  readonly promptLength: number;
  /** False until the canvas has the length that it begins with. */
  readonly isLaidOut: () => boolean;
  /** Writes the run down, see run-state.ts. */
  readonly exportState: (digest: Digest) => string;
  /** Columns that the model holds. */
  readonly maxLength: number;
  /** Columns between the shortest lengths that whole rows are padded to; as close as pays on cores when left out. */
  readonly bucketStep?: number | undefined;
  readonly decoder: TokenDecoder;
  readonly listener: GenerationListener;
}

/** A request that is being denoised; everything but its text is derived from its process. */
export class Generation implements EngineJob {
  readonly requestId: string;
  readonly tier: Tier;
  readonly #deadline: Deadline | null;
  readonly #maxLength: number;
  readonly #bucketStep: number | undefined;
  readonly #process: GenerationProcess;
  readonly #decoder: TokenDecoder;
  readonly #text: GenerationText;
  readonly #readHoles: (() => FilledHole[]) | null;
  readonly #listener: GenerationListener;
  readonly #promptLength: number;
  readonly #isLaidOut: () => boolean;
  readonly #exportState: (digest: Digest) => string;
  #hasStarted = false;
  #hasShownCanvas = false;
  #isCancelled = false;
  #isFinished = false;

  constructor(parts: GenerationParts) {
    this.requestId = parts.requestId;
    this.tier = parts.tier;
    this.#deadline = parts.deadlineAt === null ? null : new Deadline(parts.deadlineAt);
    this.#maxLength = parts.maxLength;
    this.#bucketStep = parts.bucketStep;
    this.#process = parts.process;
    this.#decoder = parts.decoder;
    this.#listener = parts.listener;
    this.#text = parts.text;
    this.#readHoles = parts.readHoles;
    this.#promptLength = parts.promptLength;
    this.#isLaidOut = parts.isLaidOut;
    this.#exportState = parts.exportState;
    // What an earlier run of it has given out is not given out again.
    this.#extendText();
  }

  /** Most denoising steps of the whole run. */
  get steps(): number {
    return this.#process.maxSteps;
  }

  /** Shape of its next rows; follows a canvas that grows or is cut, and what a cache leaves to feed. */
  get passShape(): RowShape {
    const { canvas, fedSpan } = this.#process;
    const spanLength = fedSpan.forward === "full" ? null : fedSpan.end - fedSpan.start;
    return passShape(canvas.length, spanLength, this.#maxLength, this.#bucketStep);
  }

  get deadlineAt(): number | null {
    return this.#deadline?.at ?? null;
  }

  get needsContext(): boolean {
    return this.#process.fedSpan.forward !== "full";
  }

  get rowCount(): number {
    return this.#process.rowCount;
  }

  get remainingSteps(): number {
    return this.steps - this.#process.step;
  }

  get hasStarted(): boolean {
    return this.#hasStarted;
  }

  /** True from {@link cancel} on. */
  get isCancelled(): boolean {
    return this.#isCancelled;
  }

  /** True once the last event was published. */
  get isFinished(): boolean {
    return this.#isFinished;
  }

  get isBetweenBlocks(): boolean {
    return !this.#isLaidOut() || this.#process.isBetweenBlocks;
  }

  /** True when no step is left. */
  get isComplete(): boolean {
    return this.#process.isFinished;
  }

  get usage(): GenerationUsage {
    const { canvas, step, hastenedSteps, stepsSaved, forwardPasses, positionsComputed } =
      this.#process;
    return {
      promptTokens: canvas.length - canvas.generationLength,
      completionTokens: this.#text.completionTokenCount,
      steps: step,
      hastenedSteps,
      stepsSaved,
      forwardPasses,
      positionsComputed,
      stepUnits: this.#stepUnits,
    };
  }

  get #stepUnits(): number {
    let stepUnits = 0;
    for (const [length, passes] of this.#process.passesByLength) {
      stepUnits += passes * Math.ceil(length / POSITIONS_PER_STEP_UNIT);
    }
    return stepUnits;
  }

  /** Writes the run down as it stands between two steps: what another `createGeneration` resumes. */
  exportState(digest: Digest): string {
    return this.#exportState(digest);
  }

  /** Asks for an end at the next step; a pass that is under way still counts. */
  cancel(): void {
    this.#isCancelled = true;
  }

  /** Rows of the next pass. The first of a canvas that is laid out publishes `started`. */
  forwardRows(): PredictorRow[] {
    this.#hasStarted = true;
    if (!this.#hasShownCanvas && this.#isLaidOut()) {
      this.#hasShownCanvas = true;
      const { canvas, settings } = this.#process;
      const { generationLength, blockLength } = settings;
      const { steps } = this;
      const promptLength = canvas.length - canvas.generationLength;
      const given = this.#readGiven();
      this.#listener({
        type: "started",
        promptLength,
        generationLength,
        steps,
        blockLength,
        given,
      });
    }
    return this.#process.forwardRows();
  }

  /**
   * Takes the answers for its rows and publishes the step, if it was one; after the last, `finished`.
   *
   * @param answers One per row of {@link forwardRows}, of the kind that it asks for; overwritten.
   * @throws {ApiError} `session_failed` if the network is broken; nothing is published then.
   */
  commit(answers: readonly RowAnswer[], logitCount: number, timing: PassTiming): void {
    const stepsAfter = this.#deadline?.stepsLeft(timing.endedAt, timing.elapsedMs) ?? null;
    const step = this.#process.commit(answers, logitCount, stepsAfter);
    if (step === null) return;
    const frame = toFrame(step);
    this.#listener({
      type: "step",
      ...frame,
      step: frame.step + 1,
      committed: frame.committed.map((committed) => ({
        ...committed,
        text: this.#decoder.decodeToken(committed.tokenId),
      })),
      canvasLength: this.#process.canvas.length,
      stepUnits: this.#stepUnits,
      textDelta: this.#extendText(),
    });
    if (this.isComplete) this.finishCompleted();
  }

  /** Publishes the answer of a run whose last step is done. */
  finishCompleted(): void {
    const { finishReason, text } = this.#text;
    this.#finish({
      type: "finished",
      outcome: "completed",
      finishReason,
      text,
      holes: this.#readHoles?.() ?? null,
      usage: this.usage,
    });
  }

  /** Ends a cancelled generation. */
  finishCancelled(): void {
    const error = new ApiError("cancelled", "The request was cancelled.");
    this.#finish({ type: "finished", outcome: "cancelled", error, usage: this.usage });
  }

  /** Ends a generation that cannot go on. */
  fail(error: ApiError): void {
    this.#finish({ type: "finished", outcome: "failed", error, usage: this.usage });
  }

  /** The columns of a template that are no hole's. */
  #readGiven(): StartedEvent["given"] {
    const { holeColumns, tokenIds } = this.#process.canvas;
    if (holeColumns === null) return [];
    const open = new Set(holeColumns);
    return Array.from(tokenIds, (id, position) => ({ id, position }))
      .filter(({ position }) => position >= this.#promptLength && !open.has(position))
      .map(({ id, position }) => ({ position, text: this.#decoder.decodeToken(id) }));
  }

  #finish(event: FinishedEvent): void {
    if (this.#isFinished) return;
    this.#isFinished = true;
    this.#listener(event);
  }

  /** Gives the text every token that is final; at the end, the rest too. */
  #extendText(): string {
    const { canvas, finalEnd, isFinished } = this.#process;
    return this.#text.extend(canvas, finalEnd, isFinished);
  }
}
