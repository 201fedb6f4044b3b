/**
 * An edge's way to the pool's object, and what it remembers of it.
 *
 * Owns: how old a view may be, and that nobody waits for the object while one is fresh.
 * Does not own: who is in the pool (pool-object.ts).
 */
import type { NodeHeartbeat, ScalingAnswer } from "#shared/contracts/pool.ts";
import type { PoolView, WaitingRequest } from "./pool-members.ts";

/** What the pool's object answers to; `PoolObject` over the network. */
export interface PoolStub {
  hear(heartbeat: NodeHeartbeat): Promise<void>;
  read(): Promise<PoolView>;
  wait(request: WaitingRequest): Promise<PoolView>;
  readScaling(): Promise<ScalingAnswer>;
}

/** The pool as one request or object reaches it. */
export interface PoolAccess {
  /** A stub; made anew for each call, since a failed call breaks its stub. */
  readonly find: () => PoolStub;
  /** Has the platform let work end that nobody waits for. */
  readonly waitUntil: (work: Promise<unknown>) => void;
}

/** A view is used as it is for so long, then used while it is read anew, then waited for. */
const FRESH_MS = 500;
const STALE_MS = 1_000;
/** Where the object does not answer, the last view is better than none for so long. */
const LAST_RESORT_MS = 15_000;

/** The pool as one isolate knows it. */
export class PoolMemory {
  readonly #now: () => number;
  #view: PoolView | null = null;
  #readAt = Number.NEGATIVE_INFINITY;
  #refreshingSince = Number.NEGATIVE_INFINITY;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Seconds after which a node should be there, by the last view; `null` where nobody can say. */
  get nodeExpectedInSeconds(): number | null {
    const expectedInMs = this.#view?.nodeExpectedInMs;
    if (expectedInMs === undefined) return null;
    return Math.ceil(Math.max(0, expectedInMs - (this.#now() - this.#readAt)) / 1_000) || null;
  }

  /** A view at most a second old. */
  async read(pool: PoolAccess): Promise<PoolView> {
    const ageMs = this.#now() - this.#readAt;
    if (this.#view === null || ageMs >= STALE_MS) return await this.#readAnew(pool, ageMs);
    if (ageMs >= FRESH_MS && this.#now() - this.#refreshingSince >= FRESH_MS) {
      this.#refreshingSince = this.#now();
      // A promise of one request must not be waited for by another: this one's is told to the platform.
      pool.waitUntil(this.#take(pool.find().read()).catch(() => undefined));
    }
    return this.#view;
  }

  /** Says that a request waits for a node, and reads who is there now. */
  async wait(pool: PoolAccess, request: WaitingRequest): Promise<void> {
    await this.#take(pool.find().wait(request)).catch(() => undefined);
  }

  async #readAnew(pool: PoolAccess, ageMs: number): Promise<PoolView> {
    try {
      return await this.#take(pool.find().read());
    } catch (error) {
      if (this.#view === null || ageMs >= LAST_RESORT_MS) throw error;
      return this.#view;
    }
  }

  async #take(reading: Promise<PoolView>): Promise<PoolView> {
    const view = await reading;
    this.#view = view;
    this.#readAt = this.#now();
    return view;
  }
}
