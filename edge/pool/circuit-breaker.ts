/**
 * Which nodes have failed so often of late that nothing more is sent to them for a while. Pure: time is
 * passed in.
 */

/** How long a node rests after its first failure; doubled with each that follows without a success. */
const FIRST_REST_MS = 1_000;
const LONGEST_REST_MS = 30_000;

interface Circuit {
  readonly failureCount: number;
  /** Epoch milliseconds: the circuit is open until then, half open after it. */
  readonly restsUntil: number;
}

/** One isolate's experience with nodes, by their base URLs. */
export class CircuitBreakers {
  readonly #circuits = new Map<string, Circuit>();

  /** True while nothing is to be sent there. */
  isResting(url: string, nowMs: number): boolean {
    return nowMs < (this.#circuits.get(url)?.restsUntil ?? 0);
  }

  /**
   * Notes that a request is sent to a node. One that has rested gets one request, and others only when
   * that one has begun or another rest is over.
   */
  probe(url: string, nowMs: number): void {
    const circuit = this.#circuits.get(url);
    if (circuit !== undefined) this.#rest(url, circuit.failureCount, nowMs);
  }

  /** Notes that a request has begun. */
  succeed(url: string): void {
    this.#circuits.delete(url);
  }

  /** Notes a failure of the node's own. */
  fail(url: string, nowMs: number): void {
    this.#rest(url, (this.#circuits.get(url)?.failureCount ?? 0) + 1, nowMs);
  }

  #rest(url: string, failureCount: number, nowMs: number): void {
    const restMs = Math.min(FIRST_REST_MS * 2 ** (failureCount - 1), LONGEST_REST_MS);
    this.#circuits.set(url, { failureCount, restsUntil: nowMs + restMs });
  }
}
