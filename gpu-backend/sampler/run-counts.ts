import type { ProcessProgress } from "./process-progress.ts";

/** What a run has taken so far; its steps count themselves. */
export class RunCounts {
  #step: number;
  #hastenedSteps: number;
  readonly #passesByLength: Map<number, number>;
  #positionsComputed: number;

  /** @param progress Where an interrupted run stood; null at the start of a run. */
  constructor(progress: ProcessProgress | null) {
    this.#step = progress?.step ?? 0;
    this.#hastenedSteps = progress?.hastenedSteps ?? 0;
    this.#passesByLength = new Map(progress?.passesByLength);
    this.#positionsComputed = progress?.positionsComputed ?? 0;
  }

  /** Denoising steps executed. */
  get step(): number {
    return this.#step;
  }

  /** Steps that committed more than was asked for, since the others would not have fit into the time. */
  get hastenedSteps(): number {
    return this.#hastenedSteps;
  }

  /** Rows fed to the network so far. */
  get forwardPasses(): number {
    return [...this.#passesByLength.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Rows fed to the network so far, by the canvas's length at the time. */
  get passesByLength(): ReadonlyMap<number, number> {
    return this.#passesByLength;
  }

  /** Columns fed to the network over all rows and steps: what the network had to compute. */
  get positionsComputed(): number {
    return this.#positionsComputed;
  }

  protected countStep(): void {
    this.#step += 1;
  }

  protected countHastened(): void {
    this.#hastenedSteps += 1;
  }

  protected countRows(length: number, fedColumns: number, rowCount: number): void {
    this.#positionsComputed += fedColumns * rowCount;
    this.#passesByLength.set(length, (this.#passesByLength.get(length) ?? 0) + rowCount);
  }
}
