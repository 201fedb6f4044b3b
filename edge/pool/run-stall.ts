/** A run between two steps, and when it is given up. Pure: time is passed in. */
import type { ApiError } from "#shared/contracts/errors.ts";
import { LostNodeError, noReadyNode } from "./node-error.ts";

/** Failures that nodes report at one step before the request itself is taken for the cause. */
const MAX_FAILURES = 3;
/** Nodes that refuse a request for want of room before its client is told so. */
const MAX_REFUSALS = 2;

/** A run's wait for a node. */
export interface NodeWait {
  readonly nowMs: number;
  /** How long it may take. */
  readonly waitMs: number;
  /** When a node should be there; `null` where nobody can say. */
  readonly expectedInSeconds: number | null;
}

/** What has gone wrong since a run last moved on. */
export class RunStall {
  /** Base URLs of nodes that have just failed. */
  readonly tried = new Set<string>();
  #noteCount = 0;
  #failureCount = 0;
  #refusalCount = 0;
  /** What is to be told of it all. */
  #last: ApiError | null = null;
  #waitingSince: number | null = null;

  /** True while nothing has. */
  get isFresh(): boolean {
    return this.#last === null;
  }

  /** Nodes that it has failed on. */
  get noteCount(): number {
    return this.#noteCount;
  }

  note(failure: ApiError, url: string): void {
    this.#noteCount += 1;
    this.tried.add(url);
    // That a node was reached and refused says more than that another was not.
    if (this.#last === null || !isAbsence(failure)) this.#last = failure;
    if (failure.code === "overloaded") this.#refusalCount += 1;
    else if (!isAbsence(failure)) this.#failureCount += 1;
  }

  /** @param hasBegun True once the client was told anything: it is no refusal any more then. */
  mayGoOn(hasBegun: boolean): boolean {
    const isRefused = this.#refusalCount >= MAX_REFUSALS && !hasBegun && !this.#isWaiting;
    return this.#failureCount < MAX_FAILURES && !isRefused;
  }

  /** The failure to end with where no node is left to try; `null` while it is worth to wait. */
  giveUp({ nowMs, waitMs, expectedInSeconds }: NodeWait, hasBegun: boolean): ApiError | null {
    const met = this.#last ?? noReadyNode();
    const last = met.code === "no_ready_node" ? noReadyNode(met.cause, expectedInSeconds) : met;
    // Nodes that are there and refuse: the client is told so while its status can still say it.
    const isRefused = !isAbsence(last) && !hasBegun && !this.#isWaiting;
    this.#waitingSince ??= nowMs;
    return isRefused || nowMs - this.#waitingSince >= waitMs ? last : null;
  }

  get #isWaiting(): boolean {
    return this.#waitingSince !== null;
  }
}

/** Failures of which a request is not the cause, however often it meets them. */
function isAbsence(failure: ApiError): boolean {
  return failure.code === "no_ready_node" || failure instanceof LostNodeError;
}
