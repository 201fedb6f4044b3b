/**
 * How often requests are tried again, so that nodes that fail or are full are not asked the more often
 * for it. Pure: time is passed in.
 */

/** Tries again for each request. */
const SHARE = 0.2;
/** Beside them: where few requests come, each may be tried again. */
const PER_SECOND = 10;
/** That are saved up: a node that is lost has 72 requests by default, which may all go elsewhere at once. */
const MOST_SAVED = 100;

/** One isolate's: in any time at most a fifth of its requests, ten a second, and a hundred. */
export class RetryBudget {
  #saved = MOST_SAVED;
  #at: number | null = null;

  /** Notes a request's first try. */
  earn(): void {
    this.#saved = Math.min(MOST_SAVED, this.#saved + SHARE);
  }

  /** Takes one more try. False where there is none now: the request is to wait. */
  spend(nowMs: number): boolean {
    const elapsedMs = Math.max(0, nowMs - (this.#at ?? nowMs));
    this.#saved = Math.min(MOST_SAVED, this.#saved + (PER_SECOND * elapsedMs) / 1_000);
    this.#at = nowMs;
    if (this.#saved < 1) return false;
    this.#saved -= 1;
    return true;
  }
}
