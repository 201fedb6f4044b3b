import type { Tier } from "#shared/contracts/tier-names.ts";
import type { PassShape } from "../canvas/canvas-batch.ts";
import type { FinishedEvent, GenerationUsage } from "./generation-event.ts";

/** A forward pass that was run. */
export interface ObservedPass {
  readonly shape: PassShape;
  readonly rowCount: number;
  /** Columns that the rows needed, all together; what is beyond `rowCount * shape.fedLength` is none's. */
  readonly neededColumns: number;
  /** Columns of contexts that its lane did not have and computed again, beside those of the pass. */
  readonly recomputedColumns: number;
  readonly elapsedMs: number;
}

/** A generation that has left. */
export interface ObservedEnd {
  readonly tier: Tier;
  readonly outcome: FinishedEvent["outcome"];
  readonly usage: GenerationUsage;
  /** It had a deadline and ended behind it. */
  readonly isLate: boolean;
}

/** Is told of what an engine does, for whoever counts; returns at once and never throws. */
export interface EngineObserver {
  passEnded(pass: ObservedPass): void;
  /** @param waitMs From admission to the first pass. */
  jobStarted(tier: Tier, waitMs: number): void;
  jobEnded(end: ObservedEnd): void;
}

/** Counts nothing. */
export const NO_OBSERVER: EngineObserver = {
  passEnded: () => undefined,
  jobStarted: () => undefined,
  jobEnded: () => undefined,
};
