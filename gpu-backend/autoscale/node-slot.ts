/**
 * One place for a node on this machine: a node at a time, and how often nodes have died in it.
 *
 * Owns: what is known of the node, how long the place rests after a death. Does not own: when a node is
 * wanted (node-supervisor.ts), processes. Time is passed in.
 */

/** Pause after a node's first death; doubled with each that follows. */
const FIRST_REST_MS = 1_000;
/** Also how long a node must have been at work for those before it to be forgotten. */
const LONGEST_REST_MS = 60_000;

/** A node's process, started. */
export interface SupervisedNode {
  /** Resolves when it takes requests; does not, or rejects, where it ends before. */
  readonly listening: Promise<unknown>;
  /** Resolves when it is gone, to how it ended: a signal's name or an exit code. */
  readonly exited: Promise<string>;
  /** Asks it to finish its work and end; also before it listens. */
  drain(): void;
  /** Ends it at once. */
  kill(): void;
}

/** A node in its place. */
interface Occupant<Node> {
  readonly node: Node;
  /** Goes up with every node that is started. */
  readonly ordinal: number;
  listeningSince: number | null;
  drainingSince: number | null;
  isKilled: boolean;
}

/** A place. */
export class NodeSlot<Node extends SupervisedNode> {
  /** From 0. */
  readonly index: number;
  #occupant: Occupant<Node> | null = null;
  #failureCount = 0;
  /** Epoch milliseconds. */
  #restsUntil = Number.NEGATIVE_INFINITY;

  constructor(index: number) {
    this.index = index;
  }

  get node(): Node | null {
    return this.#occupant?.node ?? null;
  }

  /** Deaths one after another. */
  get failureCount(): number {
    return this.#failureCount;
  }

  /** Of its node, later ones higher; 0 without one. */
  get ordinal(): number {
    return this.#occupant?.ordinal ?? 0;
  }

  /** True with a node that was not asked to end. */
  get isActive(): boolean {
    return this.#occupant !== null && this.#occupant.drainingSince === null;
  }

  /** True where the last node died and the next must wait. */
  isResting(nowMs: number): boolean {
    return this.#occupant === null && nowMs < this.#restsUntil;
  }

  /** Takes a node in. */
  occupy(node: Node, ordinal: number): void {
    const start = { listeningSince: null, drainingSince: null, isKilled: false };
    this.#occupant = { node, ordinal, ...start };
  }

  /** Notes that its node takes requests. */
  noteListening(nowMs: number): void {
    if (this.#occupant !== null) this.#occupant.listeningSince = nowMs;
  }

  /** Asks its node to end. */
  drain(nowMs: number): void {
    if (this.#occupant === null) return;
    this.#occupant.drainingSince = nowMs;
    this.#occupant.node.drain();
  }

  /**
   * Ends its node where it was asked to end so long ago.
   *
   * @returns True where it did, once.
   */
  killLate(nowMs: number, patienceMs: number): boolean {
    const occupant = this.#occupant;
    if (occupant === null || occupant.drainingSince === null || occupant.isKilled) return false;
    if (nowMs - occupant.drainingSince < patienceMs) return false;
    occupant.isKilled = true;
    occupant.node.kill();
    return true;
  }

  /** Notes that its node has ended as it was asked to. */
  leave(): void {
    this.#occupant = null;
    this.#failureCount = 0;
    this.#restsUntil = Number.NEGATIVE_INFINITY;
  }

  /**
   * Notes that its node has died, or did not start.
   *
   * @returns How long the place rests.
   */
  fail(nowMs: number): number {
    const since = this.#occupant?.listeningSince ?? null;
    const wasSound = since !== null && nowMs - since >= LONGEST_REST_MS;
    this.#occupant = null;
    this.#failureCount = wasSound ? 1 : this.#failureCount + 1;
    const restMs = Math.min(FIRST_REST_MS * 2 ** (this.#failureCount - 1), LONGEST_REST_MS);
    this.#restsUntil = nowMs + restMs;
    return restMs;
  }
}
