/** Of what is older than this much work, the rate knows little, milliseconds. */
const MEMORY_MS = 5_000;

/**
 * How many step units a node executes in a second while it has any to execute, over its passes of late:
 * what passes really hold, which mixed shapes fill in part, and all that is done between them.
 */
export class WorkRate {
  #stepUnits = 0;
  #elapsedMs = 0;
  #at = 0;

  /** Step units a second; 0 before the first pass. */
  get perSecond(): number {
    return this.#elapsedMs > 0 ? (this.#stepUnits * 1_000) / this.#elapsedMs : 0;
  }

  /** Notes that there is work again: the time before it was idle. */
  begin(nowMs: number): void {
    this.#at = nowMs;
  }

  /** Notes that a pass has ended which executed `stepUnits`, in whichever lane. */
  add(stepUnits: number, nowMs: number): void {
    const elapsedMs = Math.max(0, nowMs - this.#at);
    const kept = Math.exp(-elapsedMs / MEMORY_MS);
    this.#stepUnits = this.#stepUnits * kept + stepUnits;
    this.#elapsedMs = this.#elapsedMs * kept + elapsedMs;
    this.#at = nowMs;
  }
}
