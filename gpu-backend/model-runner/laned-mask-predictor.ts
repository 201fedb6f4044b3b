import type { BatchAnswer } from "../canvas/candidate-choices.ts";
import type { CanvasBatch } from "../canvas/canvas-batch.ts";
import { type MaskPredictor, WHOLE_LANE } from "./mask-predictor.ts";

/** Several sessions of one network as one predictor: one with every core, and one for each core. */
export class LanedMaskPredictor implements MaskPredictor {
  readonly logitCount: number;
  readonly maxLength: number;
  readonly #lanes: readonly MaskPredictor[];

  /**
   * @param whole Takes every core.
   * @param side Take a core each; at least one.
   */
  constructor(whole: MaskPredictor, side: readonly MaskPredictor[]) {
    this.logitCount = whole.logitCount;
    this.maxLength = whole.maxLength;
    this.#lanes = [whole, ...side];
  }

  get sideLaneCount(): number {
    return this.#lanes.length - 1;
  }

  /** @throws {RangeError} at a lane that is not there. */
  async predict(batch: CanvasBatch, lane = WHOLE_LANE): Promise<BatchAnswer> {
    const predictor = this.#lanes[lane];
    if (predictor === undefined) throw new RangeError(`no lane ${lane}`);
    return await predictor.predict(batch);
  }

  async close(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.close()));
  }
}
