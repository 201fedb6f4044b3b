/** Weight of the newest step in the moving average of a run's own pace. */
const NEWEST_WEIGHT = 0.3;
/** Share of the time left that steps are planned for: their time varies. */
const PLANNED_SHARE = 0.9;

/** A run's deadline against the pace that its steps have, waits between them included. */
export class Deadline {
  /** Epoch milliseconds. */
  readonly at: number;
  #lastStepAt: number | null = null;
  #stepMs = 0;

  constructor(at: number) {
    this.at = at;
  }

  /**
   * Takes note of a step and counts those that fit into the time left after it, at least 0.
   *
   * @param now Epoch milliseconds.
   * @param passMs Of its forward pass: the pace before there is another.
   */
  stepsLeft(now: number, passMs: number): number {
    const elapsedMs = this.#lastStepAt === null ? passMs : now - this.#lastStepAt;
    const isFirst = this.#stepMs === 0;
    this.#stepMs += (elapsedMs - this.#stepMs) * (isFirst ? 1 : NEWEST_WEIGHT);
    this.#lastStepAt = now;
    const leftMs = Math.max(0, this.at - now) * PLANNED_SHARE;
    return this.#stepMs === 0 ? Number.MAX_SAFE_INTEGER : Math.floor(leftMs / this.#stepMs);
  }
}
