/**
 * A node: requests in shared passes, one pass at a time.
 *
 * Owns: which requests share the next pass, how long it takes, what the heartbeat says.
 * Does not own: where requests come from and go to (simulated-pool.ts).
 *
 * Simpler than the node's own scheduler: the shape that was served longest ago has its turn and its
 * oldest requests go first, but tiers have no weights, deadlines do not count, and there is one session.
 */
import { WorkRate } from "../../gpu-backend/engine/work-rate.ts";
import type { NodeSnapshot } from "../../shared/contracts/pool.ts";
import { MAX_STEP_TIMES } from "../../shared/contracts/pool.ts";
import type { EventQueue } from "./event-queue.ts";
import { MAX_BATCH_ROWS, MAX_QUEUE, type NodeKind } from "./parameters.ts";
import type { Shape, SimulatedRequest } from "./simulated-request.ts";

/** Weight of the newest in moving averages, as the node's. */
const NEWEST_WEIGHT = 0.2;

/** `gone` has ended or was lost. */
type NodeState = "ready" | "draining" | "gone";

/** What a node tells. */
interface NodeListener {
  /** Has executed one more step of a request. */
  stepped(node: SimulatedNode, request: SimulatedRequest): void;
  /** A pass is over and its requests were told of; a draining node has nothing under way. */
  passed(node: SimulatedNode): void;
}

/** What a node is made of. */
interface NodeParts {
  /** What it says of itself while it has nothing to do. */
  readonly template: NodeSnapshot;
  readonly kind: NodeKind;
  readonly events: EventQueue;
  readonly listener: NodeListener;
}

export class SimulatedNode {
  readonly url: string;
  readonly startedAt: number;
  state: NodeState = "ready";
  endedAt: number | null = null;
  /** Milliseconds in passes, and in those that a loss cut off. */
  busyMs = 0;
  wastedMs = 0;
  readonly #kind: NodeKind;
  readonly #events: EventQueue;
  readonly #listener: NodeListener;
  /** By arrival here; true once it has had a pass here. */
  readonly #requests = new Map<SimulatedRequest, boolean>();
  #runningCount = 0;
  /** The turn at which a shape was last served. */
  readonly #servedAt = new Map<string, number>();
  #turn = 0;
  #passStartedAt: number | null = null;
  #stepMs = 0;
  readonly #stepMsByShape = new Map<string, number>();
  readonly #workRate = new WorkRate();
  readonly #template: NodeSnapshot;

  constructor({ template, kind, events, listener }: NodeParts) {
    this.#template = template;
    this.url = template.url;
    this.#kind = kind;
    this.#events = events;
    this.#listener = listener;
    this.startedAt = events.nowMs;
  }

  get requests(): readonly SimulatedRequest[] {
    return [...this.#requests.keys()];
  }

  get isInPass(): boolean {
    return this.#passStartedAt !== null;
  }

  /** Takes a request on. False where it has no room for it. */
  admit(request: SimulatedRequest): boolean {
    const count = this.#requests.size;
    const waitingCount = count - this.#runningCount;
    if (count >= MAX_BATCH_ROWS && waitingCount >= MAX_QUEUE) return false;
    this.#requests.set(request, false);
    if (!this.isInPass) {
      this.#workRate.begin(this.#events.nowMs);
      this.#startPass();
    }
    return true;
  }

  /** Forgets a request: it is done, or goes on elsewhere. */
  release(request: SimulatedRequest): void {
    if (this.#requests.get(request) === true) this.#runningCount -= 1;
    this.#requests.delete(request);
  }

  /** Ends it; what a pass under way was for is not executed. */
  end(): void {
    const now = this.#events.nowMs;
    if (this.#passStartedAt !== null) this.wastedMs += now - this.#passStartedAt;
    this.#passStartedAt = null;
    this.state = "gone";
    this.endedAt = now;
  }

  /** What it says of itself now. */
  tell(): NodeSnapshot {
    let runningUnits = 0;
    let queuedUnits = 0;
    for (const [request, hasStarted] of this.#requests) {
      if (hasStarted) runningUnits += request.remainingStepUnits;
      else queuedUnits += request.remainingStepUnits;
    }
    return {
      ...this.#template,
      heardAt: this.#events.nowMs,
      sent_at: this.#events.nowMs,
      is_draining: this.state !== "ready",
      running_count: this.#runningCount,
      waiting_count: this.#requests.size - this.#runningCount,
      running_step_units: runningUnits,
      queued_step_units: queuedUnits,
      step_units_per_second: this.#workRate.perSecond,
      step_ms: this.#stepMs,
      step_times: [...this.#stepMsByShape]
        .slice(-MAX_STEP_TIMES)
        .map(([shape, stepMs]) => ({ shape, step_ms: stepMs })),
    };
  }

  #startPass(): void {
    const shape = this.#chooseShape();
    if (shape === null) return;
    const rows: SimulatedRequest[] = [];
    for (const [request, hasStarted] of this.#requests) {
      if (request.shape?.key !== shape.key) continue;
      if (!hasStarted) {
        this.#requests.set(request, true);
        this.#runningCount += 1;
        request.firstPassAt ??= this.#events.nowMs;
      }
      rows.push(request);
      if (rows.length === MAX_BATCH_ROWS) break;
    }
    const startedAt = this.#events.nowMs;
    const durationMs = this.#kind.passMs + this.#kind.columnMs * rows.length * shape.fedLength;
    this.#turn += 1;
    this.#servedAt.set(shape.key, this.#turn);
    this.#passStartedAt = startedAt;
    this.#events.plan(startedAt + durationMs, () => {
      if (this.state !== "gone") this.#endPass(shape, rows, durationMs);
    });
  }

  #endPass(shape: Shape, rows: readonly SimulatedRequest[], durationMs: number): void {
    this.busyMs += durationMs;
    this.#passStartedAt = null;
    this.#stepMs = average(this.#stepMs || undefined, durationMs);
    const before = this.#stepMsByShape.get(shape.key);
    this.#stepMsByShape.delete(shape.key);
    this.#stepMsByShape.set(shape.key, average(before, durationMs));
    const stepUnits = rows.reduce((sum, { pages }) => sum + pages, 0);
    this.#workRate.add(stepUnits, this.#events.nowMs);
    for (const request of rows) this.#listener.stepped(this, request);
    this.#listener.passed(this);
    if (this.state === "ready" && !this.isInPass) this.#startPass();
  }

  #chooseShape(): Shape | null {
    let chosen: Shape | null = null;
    let chosenTurn = Number.POSITIVE_INFINITY;
    for (const request of this.#requests.keys()) {
      const { shape } = request;
      if (shape === null || shape === chosen) continue;
      const turn = this.#servedAt.get(shape.key) ?? 0;
      if (turn < chosenTurn) {
        chosen = shape;
        chosenTurn = turn;
      }
    }
    return chosen;
  }
}

function average(before: number | undefined, value: number): number {
  return before === undefined ? value : before + (value - before) * NEWEST_WEIGHT;
}
