import type { ApiError } from "#shared/contracts/errors.ts";
import type { Likelihood } from "../likelihood/likelihood-estimate.ts";
import type { DenoisingFrame, FramePosition } from "../sampler/denoising-frame.ts";
import type { FinishReason } from "./text-assembly.ts";

/** A column that now holds a token; it keeps it unless it is masked again. */
export interface CommittedPosition extends FramePosition {
  /** The token's own text; U+FFFD where it is part of a character, empty for a special token. */
  readonly text: string;
}

/** What a generation has cost so far. */
export interface GenerationUsage {
  readonly promptTokens: number;
  readonly completionTokens: number;
  /** Denoising steps executed. */
  readonly steps: number;
  /** Those of them that committed more than asked for, to keep the deadline. */
  readonly hastenedSteps: number;
  /** Steps that an early end of the run left out; 0 until it ends. */
  readonly stepsSaved: number;
  /** Rows fed to the network: one a step, with guidance two, whole or in part. */
  readonly forwardPasses: number;
  /** Columns fed to the network over all of them; a cache makes them fewer. */
  readonly positionsComputed: number;
  /** Each of `forwardPasses` times the canvas's length then, in units of 256 columns, rounded up. */
  readonly stepUnits: number;
}

/** The canvas as it begins. */
export interface StartedEvent {
  readonly type: "started";
  /** Columns of the prompt. */
  readonly promptLength: number;
  /** Columns to fill. */
  readonly generationLength: number;
  /** Denoising steps of the whole run, at most. */
  readonly steps: number;
  readonly blockLength: number;
  /** Columns after the prompt that hold a template's own text, ascending. */
  readonly given: readonly { readonly position: number; readonly text: string }[];
}

/** One denoising step, as it is published: its frame with text. */
export interface StepEvent extends DenoisingFrame {
  readonly type: "step";
  /** From 1 over the whole run. */
  readonly step: number;
  /** Ascending by position. */
  readonly committed: readonly CommittedPosition[];
  /** Columns of the canvas after this step. */
  readonly canvasLength: number;
  /** As in {@link GenerationUsage}, so far. */
  readonly stepUnits: number;
  /** Text that became final at this step. */
  readonly textDelta: string;
}

/** How likely an answer is. */
export interface ScoredLikelihood extends Likelihood {
  readonly tokenCount: number;
}

/** A pass of a run that writes nothing. */
export interface PassEvent {
  readonly type: "pass";
  /** Noisy rows so far. */
  readonly step: number;
  readonly forwardPasses: number;
  /** As in {@link GenerationUsage}, so far. */
  readonly stepUnits: number;
}

/** A hole that has its tokens. */
export interface FilledHole {
  readonly text: string;
  readonly tokenCount: number;
}

/** The last event of every generation. */
export type FinishedEvent =
  | {
      readonly type: "finished";
      readonly outcome: "completed";
      readonly finishReason: FinishReason;
      readonly text: string;
      /** Of a template, in its order; null where there is none. */
      readonly holes: readonly FilledHole[] | null;
      /** Of answers that were scored, in their order. */
      readonly scores?: readonly ScoredLikelihood[];
      readonly usage: GenerationUsage;
    }
  | {
      readonly type: "finished";
      readonly outcome: "cancelled" | "failed";
      readonly error: ApiError;
      readonly usage: GenerationUsage;
    };

/** What a generation tells its listener, in this order: started, steps, finished. */
export type GenerationEvent = StartedEvent | StepEvent | PassEvent | FinishedEvent;

/** Told of every event as it happens, between two forward passes: returns quickly, never throws. */
export type GenerationListener = (event: GenerationEvent) => void;
