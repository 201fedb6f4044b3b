/**
 * The nodes of a simulated pool: started, heard of, lost and drained.
 *
 * Owns: which there are, and what they cost. Does not own: how many there are to be, or what becomes of
 * the requests of one that ends (simulated-pool.ts).
 */
import type { PoolMembers } from "../../edge/pool/pool-members.ts";
import { NODE_HEARTBEAT_INTERVAL_MS, type NodeSnapshot } from "../../shared/contracts/pool.ts";
import { createIdleHeartbeat } from "../support/idle-heartbeat.ts";
import type { EventQueue } from "./event-queue.ts";
import { MAX_BATCH_ROWS, MAX_CANVAS_LENGTH, MAX_QUEUE, type NodeKind } from "./parameters.ts";
import { SimulatedNode } from "./simulated-node.ts";
import type { SimulatedRequest } from "./simulated-request.ts";

/** What a fleet is made of, and whom it tells. */
export interface FleetParts {
  readonly events: EventQueue;
  readonly members: PoolMembers;
  readonly random: () => number;
  /** Kind of a node by its number. */
  readonly kindOf: (index: number) => NodeKind;
  /** A node has executed one more step of a request. */
  readonly stepped: (node: SimulatedNode, request: SimulatedRequest) => void;
  /** A node has ended; what it still had is to go on elsewhere. */
  readonly ended: (node: SimulatedNode, isLost: boolean) => void;
}

/** Sums over all nodes so far, milliseconds. */
export interface Meters {
  readonly busyMs: number;
  readonly readyMs: number;
  /** Readiness and starting. */
  readonly paidMs: number;
}

export class NodeFleet {
  readonly #parts: FleetParts;
  readonly #nodes = new Map<string, SimulatedNode>();
  /** In the order in which they came. */
  readonly #ready = new Set<SimulatedNode>();
  /** Starts under way, the oldest first; false where it is wanted no more. */
  readonly #starting: { readonly since: number; isWanted: boolean }[] = [];
  #nodeCount = 0;
  #startingMs = 0;

  constructor(parts: FleetParts) {
    this.#parts = parts;
  }

  get nodes(): readonly SimulatedNode[] {
    return [...this.#nodes.values()];
  }

  get readyCount(): number {
    return this.#ready.size;
  }

  get startingCount(): number {
    return this.#starting.filter(({ isWanted }) => isWanted).length;
  }

  find(url: string): SimulatedNode | undefined {
    return this.#nodes.get(url);
  }

  /** Adds a node that is ready. */
  add(): void {
    const { events, members, random, kindOf, stepped } = this.#parts;
    const url = `http://node-${this.#nodeCount}`;
    const node = new SimulatedNode({
      template: describeNode(url),
      kind: kindOf(this.#nodeCount),
      events,
      listener: { stepped, passed: (of) => this.#endDrained(of) },
    });
    this.#nodeCount += 1;
    this.#nodes.set(url, node);
    this.#ready.add(node);
    members.hear(node.tell(), events.nowMs);
    this.#beat(node, events.nowMs + random() * NODE_HEARTBEAT_INTERVAL_MS);
  }

  /** Starts a node: it is ready when it has started. */
  start(): void {
    const { events, kindOf } = this.#parts;
    const start = { since: events.nowMs, isWanted: true };
    this.#starting.push(start);
    events.plan(events.nowMs + kindOf(this.#nodeCount).startMs, () => {
      if (!start.isWanted) return;
      this.#endStart(start);
      this.add();
    });
  }

  /** Ends the start that began last, else drains the node that came last. */
  remove(): void {
    const start = this.#starting.at(-1);
    if (start !== undefined) {
      start.isWanted = false;
      this.#endStart(start);
      return;
    }
    const node = [...this.#ready].at(-1);
    if (node === undefined) return;
    this.#ready.delete(node);
    node.state = "draining";
    this.#parts.members.hear(node.tell(), this.#parts.events.nowMs);
    if (!node.isInPass) this.#endDrained(node);
  }

  /** Loses any node. False where there is none. */
  lose(): boolean {
    const ready = [...this.#ready];
    const node = ready[Math.floor(this.#parts.random() * ready.length)];
    if (node === undefined) return false;
    this.#ready.delete(node);
    node.end();
    this.#parts.ended(node, true);
    return true;
  }

  readMeters(): Meters {
    const { nowMs } = this.#parts.events;
    let busyMs = 0;
    let readyMs = 0;
    for (const node of this.#nodes.values()) {
      busyMs += node.busyMs;
      readyMs += (node.endedAt ?? nowMs) - node.startedAt;
    }
    const underWay = this.#starting.reduce((sum, { since }) => sum + nowMs - since, 0);
    return { busyMs, readyMs, paidMs: readyMs + this.#startingMs + underWay };
  }

  #endStart(start: { readonly since: number; isWanted: boolean }): void {
    this.#starting.splice(this.#starting.indexOf(start), 1);
    this.#startingMs += this.#parts.events.nowMs - start.since;
  }

  #endDrained(node: SimulatedNode): void {
    if (node.state !== "draining") return;
    node.end();
    this.#parts.ended(node, false);
  }

  #beat(node: SimulatedNode, at: number): void {
    this.#parts.events.plan(at, () => {
      if (node.state === "gone") return;
      this.#parts.members.hear(node.tell(), at);
      this.#beat(node, at + NODE_HEARTBEAT_INTERVAL_MS);
    });
  }
}

function describeNode(url: string): NodeSnapshot {
  const model = {
    id: "simulated",
    max_length: MAX_CANVAS_LENGTH,
    vocabulary_size: 1,
    parameter_count: 1,
    weights_digest: "",
    created: 0,
  };
  const sizes = { max_batch_rows: MAX_BATCH_ROWS, max_queue: MAX_QUEUE };
  return { ...createIdleHeartbeat(url, model, sizes), heardAt: 0 };
}
