/**
 * As many node processes on this machine as are wanted.
 *
 * Owns: which places have a node, starting what is missing, draining what is too much (the newest
 * first), starting again what died, ending all of them.
 * Does not own: how many are wanted (the edge says so, by shared/scaling/desired-nodes.ts), processes
 * (deploy/local), requests, which the edge takes to other nodes when one drains. Clock, timer and log
 * are passed in.
 */
import type { NodeBounds } from "./node-bounds.ts";
import { NodeSlot, type SupervisedNode } from "./node-slot.ts";

/** How often what is there is compared with what is wanted. */
const TICK_MS = 1_000;

/** Counts, places and how a process ended. */
export type SupervisorLog = (
  event: string,
  fields: Readonly<Record<string, string | number>>,
) => void;

/** What a supervisor is made of. */
export interface NodeSupervisorOptions<Node extends SupervisedNode> {
  /** Never more processes than `max`, draining ones included. */
  readonly bounds: NodeBounds;
  /** Starts a process in a place from 0 to `max` - 1, in which there is no other. */
  readonly startNode: (slotIndex: number) => Node;
  /**
   * How many nodes are wanted; not asked where the bounds are equal. While it rejects, the last answer
   * stands.
   */
  readonly readDesired: () => Promise<number>;
  /** How long a node that was asked to end may take, before it is ended. */
  readonly drainTimeoutMs: number;
  readonly now: () => number;
  /** Runs something again and again, until the function returned is called. */
  readonly repeat: (run: () => void, intervalMs: number) => () => void;
  readonly log: SupervisorLog;
}

/** Supervises from the moment it is made until {@link NodeSupervisor.stop}. */
export class NodeSupervisor<Node extends SupervisedNode> {
  readonly #options: NodeSupervisorOptions<Node>;
  readonly #slots: readonly NodeSlot<Node>[];
  readonly #endTicks: () => void;
  #target: number;
  #startCount = 0;
  #isReading = false;
  #isRead = true;
  /** Resolved when the last node is gone; `null` until it is to stop. */
  #stopped: PromiseWithResolvers<void> | null = null;

  constructor(options: NodeSupervisorOptions<Node>) {
    const { bounds, repeat } = options;
    this.#options = options;
    this.#target = bounds.min;
    this.#slots = Array.from({ length: bounds.max }, (_, index) => new NodeSlot<Node>(index));
    this.#endTicks = repeat(() => this.#tick(), TICK_MS);
    this.#tick();
  }

  /** The nodes whose processes live, starting and draining ones included, by their places. */
  listNodes(): Node[] {
    return this.#slots.map(({ node }) => node).filter((node) => node !== null);
  }

  /** Drains all nodes and starts no more; resolves when the last one is gone. May be called again. */
  stop(): Promise<void> {
    if (this.#stopped === null) {
      this.#stopped = Promise.withResolvers();
      this.#adjust();
      this.#endIfEmpty();
    }
    return this.#stopped.promise;
  }

  #tick(): void {
    void this.#follow();
    this.#adjust();
  }

  /** Asks how many are wanted, once at a time, and acts upon it. Never rejects. */
  async #follow(): Promise<void> {
    const { bounds, readDesired, log } = this.#options;
    if (bounds.min === bounds.max || this.#isReading || this.#stopped !== null) return;
    this.#isReading = true;
    try {
      const desired = await readDesired();
      if (this.#stopped !== null) return;
      const target = Math.min(bounds.max, Math.max(bounds.min, desired));
      if (target !== this.#target) log("nodes_wanted", { from: this.#target, to: target });
      this.#target = target;
      this.#isRead = true;
      this.#adjust();
    } catch (thrown) {
      // The first time: an edge that is away for an hour is one line.
      if (this.#isRead && this.#stopped === null)
        log("nodes_wanted_unread", { why: String(thrown), kept: this.#target });
      this.#isRead = false;
    } finally {
      this.#isReading = false;
    }
  }

  /** Makes what is there what is wanted; changes nothing where it is. */
  #adjust(): void {
    const { now, drainTimeoutMs, log } = this.#options;
    const nowMs = now();
    for (const slot of this.#slots) {
      if (slot.killLate(nowMs, drainTimeoutMs)) log("node_killed", { slot: slot.index });
    }
    const target = this.#stopped === null ? this.#target : 0;
    const active = this.#slots.filter(({ isActive }) => isActive);
    const newestFirst = active.sort((one, other) => other.ordinal - one.ordinal);
    for (const slot of newestFirst.slice(0, Math.max(0, active.length - target))) {
      log("node_draining", { slot: slot.index });
      slot.drain(nowMs);
    }
    // A place that rests counts as one with a node: elsewhere its next node would die as soon.
    const resting = this.#slots.filter((slot) => slot.isResting(nowMs)).length;
    this.#startMissing(target - active.length - resting, nowMs);
  }

  #startMissing(count: number, nowMs: number): void {
    if (count <= 0) return;
    const free = this.#slots.filter((slot) => slot.node === null && !slot.isResting(nowMs));
    // Those first in which fewest have died; of those the first.
    free.sort((one, other) => one.failureCount - other.failureCount);
    for (const slot of free.slice(0, count)) this.#start(slot);
  }

  #start(slot: NodeSlot<Node>): void {
    const { startNode, now, log } = this.#options;
    let node: Node;
    try {
      node = startNode(slot.index);
    } catch (thrown) {
      log("node_lost", { slot: slot.index, how: String(thrown), rest_ms: slot.fail(now()) });
      return;
    }
    this.#startCount += 1;
    slot.occupy(node, this.#startCount);
    log("node_started", { slot: slot.index });
    const listening = node.listening.then(() => slot.noteListening(now()));
    // One that ends before it listens is told by its end.
    listening.catch(() => undefined);
    void node.exited.then((how) => this.#noteEnd(slot, how));
  }

  #noteEnd(slot: NodeSlot<Node>, how: string): void {
    const { now, log } = this.#options;
    if (slot.isActive) {
      log("node_lost", { slot: slot.index, how, rest_ms: slot.fail(now()) });
    } else {
      slot.leave();
      log("node_ended", { slot: slot.index, how });
    }
    this.#endIfEmpty();
  }

  #endIfEmpty(): void {
    if (this.#stopped === null || this.#slots.some(({ node }) => node !== null)) return;
    this.#endTicks();
    this.#stopped.resolve();
  }
}
