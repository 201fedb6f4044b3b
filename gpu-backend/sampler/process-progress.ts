import type { BlockPosition } from "./block-walk.ts";
import type { RevisionProgress } from "./revision.ts";

/** What a run is at: measuring its length, denoising its blocks, revising, or done. */
export type RunPhase = "length" | "blocks" | "revision" | "finished";

/** Where a run stands, beside the ids on its canvas. */
export interface ProcessProgress {
  readonly phase: RunPhase;
  /** Denoising steps executed. */
  readonly step: number;
  /** Those of them that were hastened, see hasten.ts. */
  readonly hastenedSteps: number;
  /** Most steps of the whole run. */
  readonly maxSteps: number;
  readonly position: BlockPosition;
  /** `[canvas length, rows fed at that length]`, in the order in which the lengths came up. */
  readonly passesByLength: readonly (readonly [number, number])[];
  /** Columns fed to the network over all rows and steps. */
  readonly positionsComputed: number;
  /** What the block's first step fed; null before it and where no cache is used. */
  readonly contextTokenIds: Int32Array | null;
  /** `[length]`, or longer where the canvas was cut: 1 where the column held a token at the start. */
  readonly isGiven: Uint8Array;
  readonly revision: RevisionProgress;
}
