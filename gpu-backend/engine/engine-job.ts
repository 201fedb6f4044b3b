import type { ApiError } from "#shared/contracts/errors.ts";
import type { RowAnswer } from "../canvas/candidate-choices.ts";
import type { PredictorRow, RowShape } from "../canvas/canvas-batch.ts";
import type { GenerationUsage } from "./generation-event.ts";
import type { Schedulable } from "./scheduler.ts";

/** When a pass was. */
export interface PassTiming {
  /** Epoch milliseconds at its end. */
  readonly endedAt: number;
  readonly elapsedMs: number;
}

/** One request as the engine runs it; `forwardRows` and `commit` alternate until it is finished. */
export interface EngineJob extends Schedulable {
  readonly requestId: string;
  /** Shape of its next rows. */
  readonly passShape: RowShape;
  /** What it has cost so far. */
  readonly usage: GenerationUsage;
  /** Most steps of the whole run. */
  readonly steps: number;
  /** True from {@link cancel} on. */
  readonly isCancelled: boolean;
  /** True once the last event was published. */
  readonly isFinished: boolean;
  /** True where no block is half done, so that nothing is lost by its going on at another node. */
  readonly isBetweenBlocks: boolean;
  /** True where no pass is left from the beginning: a run that is taken up behind its last step. */
  readonly isComplete: boolean;
  /** Asks for an end at the next step; a pass that is under way still counts. */
  cancel(): void;
  /** Rows of the next pass. */
  forwardRows(): PredictorRow[];
  /** Takes the answers for its rows, one each. */
  commit(answers: readonly RowAnswer[], logitCount: number, timing: PassTiming): void;
  /** Publishes the end of what is complete. */
  finishCompleted(): void;
  /** Ends it once it was cancelled. */
  finishCancelled(): void;
  /** Ends what cannot go on. */
  fail(error: ApiError): void;
}
