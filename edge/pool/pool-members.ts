/**
 * Who is in the pool now, by what nodes say of themselves.
 *
 * Owns: nodes and how long their word holds, requests that wait for one, what follows for their number.
 * Does not own: where it is kept (pool-object.ts), which node a request gets (choose-node.ts), time,
 * which is passed in.
 */
import type { NodeModel } from "#shared/contracts/node-wire.ts";
import { NODE_ABSENCE_MS, type NodeHeartbeat, type NodeSnapshot } from "#shared/contracts/pool.ts";

/** The pool as an edge sees it. */
export interface PoolView {
  /** Nodes that are there, draining ones included, in the order in which they came. */
  readonly nodes: readonly NodeSnapshot[];
  /** Every model that was served of late, also where no node serves it now; by id. */
  readonly models: readonly NodeModel[];
  /**
   * Milliseconds until a node is there, by how long the last one took that requests waited for; left out
   * while one is, where that is not known, and where it takes longer this time.
   */
  readonly nodeExpectedInMs?: number;
}

/** A request that no node can take now. */
export interface WaitingRequest {
  readonly requestId: string;
  /** Step units that it may execute. */
  readonly stepUnits: number;
}

/** What waits, and what runs. */
export interface PoolLoad {
  readonly waitingRequests: number;
  readonly waitingStepUnits: number;
  readonly nodes: readonly NodeSnapshot[];
}

/** A request that waits says so more often than this. */
const WAITING_LIFETIME_MS = 3_000;

/** Keeps the members. */
export class PoolMembers {
  readonly #nodes = new Map<string, NodeSnapshot>();
  readonly #waiting = new Map<string, { stepUnits: number; until: number }>();
  /** When requests began to wait for a first node; `null` while none do. */
  #calledAt: number | null = null;
  /** From such a moment to the node, the last time. */
  #startMs: number | null = null;

  /**
   * Takes a node's word.
   *
   * @returns False for one that is older than what the node has said before.
   */
  hear(heartbeat: NodeHeartbeat, nowMs: number): boolean {
    const known = this.#nodes.get(heartbeat.node_id);
    const isOld = known !== undefined && heartbeat.sent_at < known.sent_at;
    if (isOld && isThere(known, nowMs)) return false;
    // A node that was started again under another name answers in its predecessor's place.
    for (const [id, { url }] of this.#nodes) if (url === heartbeat.url) this.#nodes.delete(id);
    this.#nodes.set(heartbeat.node_id, { ...heartbeat, heardAt: nowMs });
    if (!heartbeat.is_draining) this.#noteArrival(nowMs);
    return true;
  }

  /** Notes that a request waits; until it says so no more. */
  wait({ requestId, stepUnits }: WaitingRequest, nowMs: number): void {
    const isFirst = !this.#isWaitedFor(nowMs);
    if (!this.#hasReady(nowMs) && (isFirst || this.#calledAt === null)) this.#calledAt = nowMs;
    this.#waiting.set(requestId, { stepUnits, until: nowMs + WAITING_LIFETIME_MS });
  }

  /** As {@link PoolView} tells it. */
  expectNode(nowMs: number): number | null {
    if (this.#calledAt === null || this.#startMs === null || this.#hasReady(nowMs)) return null;
    const leftMs = this.#calledAt + this.#startMs - nowMs;
    return leftMs > 0 ? leftMs : null;
  }

  /** A node that nobody waited for says nothing of how long one takes. */
  #noteArrival(nowMs: number): void {
    if (this.#calledAt !== null && this.#isWaitedFor(nowMs)) this.#startMs = nowMs - this.#calledAt;
    this.#calledAt = null;
  }

  #hasReady(nowMs: number): boolean {
    return this.listNodes(nowMs).some(({ is_draining: isDraining }) => !isDraining);
  }

  #isWaitedFor(nowMs: number): boolean {
    return [...this.#waiting.values()].some(({ until }) => nowMs < until);
  }

  /** Nodes that are there. */
  listNodes(nowMs: number): NodeSnapshot[] {
    for (const [id, node] of this.#nodes) if (!isThere(node, nowMs)) this.#nodes.delete(id);
    return [...this.#nodes.values()];
  }

  /** What waits and runs now. */
  readLoad(nowMs: number): PoolLoad {
    for (const [id, { until }] of this.#waiting) if (until <= nowMs) this.#waiting.delete(id);
    const units = [...this.#waiting.values()].map(({ stepUnits }) => stepUnits);
    return {
      waitingRequests: units.length,
      waitingStepUnits: units.reduce((sum, count) => sum + count, 0),
      nodes: this.listNodes(nowMs),
    };
  }
}

function isThere(node: NodeSnapshot, nowMs: number): boolean {
  return nowMs - node.heardAt < NODE_ABSENCE_MS;
}
