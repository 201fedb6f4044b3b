/**
 * A pool over time: requests come, edges choose, nodes run, get lost, and are started and drained by the
 * scaler's word.
 *
 * Owns: the order of events. Does not own: any decision, which is the product's own code (edge/pool,
 * shared/scaling), or what is made of the outcome (figures.ts).
 */
import { PoolMembers } from "../../edge/pool/pool-members.ts";
import { PoolScaler } from "../../edge/pool/pool-scaler.ts";
import type { ScalingPolicy } from "../../shared/scaling/desired-nodes.ts";
import { EventQueue } from "./event-queue.ts";
import { type Meters, NodeFleet } from "./node-fleet.ts";
import {
  MAX_REFUSALS,
  MAX_WAIT_MS,
  NETWORK_MS,
  type NodeKind,
  SCALER_POLL_MS,
  WAITING_POLL_MS,
} from "./parameters.ts";
import { ReplicaCount } from "./replica-count.ts";
import type { CreateRouter } from "./routers.ts";
import { createRandom } from "./seeded-random.ts";
import { SimulatedEdge } from "./simulated-edge.ts";
import type { SimulatedNode } from "./simulated-node.ts";
import { drawRequest, SimulatedRequest } from "./simulated-request.ts";

/** What is simulated. */
export interface PoolPlan {
  readonly seed: number;
  readonly createRouter: CreateRouter;
  readonly edgeCount: number;
  /** Nodes from the beginning; a lost one is started again. */
  readonly nodeCount: number;
  /** Kind of a node by its number. */
  readonly kindOf: (index: number) => NodeKind;
  /** Follows the scaler's word; `null` keeps the nodes as they are. */
  readonly scaling: ScalingPolicy | null;
  /** When requests come, ascending, milliseconds. */
  readonly arrivals: readonly number[];
  /** When a node is lost, ascending. */
  readonly losses: readonly number[];
  /** Before it nothing is measured. */
  readonly warmUpMs: number;
  /** Requests come until then; what they ask for is run to its end. */
  readonly durationMs: number;
}

/** Nodes at one moment. */
export interface PoolSample {
  readonly atMs: number;
  readonly desiredNodes: number;
  readonly readyNodes: number;
  readonly startingNodes: number;
}

/** What came of it. */
export interface PoolOutcome {
  readonly requests: readonly SimulatedRequest[];
  /** Told that the pool is full, or that no node came. */
  readonly refused: ReadonlySet<SimulatedRequest>;
  readonly nodes: readonly SimulatedNode[];
  /** Between warm-up and the last arrival. */
  readonly busyMs: number;
  readonly readyMs: number;
  /** Readiness and starting, over the same time. */
  readonly paidMs: number;
  readonly resumedCount: number;
  readonly lostNodeCount: number;
  readonly samples: readonly PoolSample[];
}

/** A request between nodes. */
interface Search {
  readonly request: SimulatedRequest;
  readonly edge: SimulatedEdge;
  readonly since: number;
  tried: Set<string>;
  refusalCount: number;
}

/** Runs a plan to its end. Equal plans have equal outcomes. */
export function simulatePool(plan: PoolPlan): PoolOutcome {
  return new SimulatedPool(plan).run();
}

class SimulatedPool {
  readonly #plan: PoolPlan;
  readonly #events = new EventQueue();
  readonly #members = new PoolMembers();
  readonly #random: () => number;
  readonly #drawing: () => number;
  readonly #edges: readonly SimulatedEdge[];
  readonly #scaler: PoolScaler | null;
  readonly #fleet: NodeFleet;
  readonly #edgeOf = new Map<SimulatedRequest, SimulatedEdge>();
  readonly #requests: SimulatedRequest[] = [];
  readonly #refused = new Set<SimulatedRequest>();
  readonly #samples: PoolSample[] = [];
  #openCount = 0;
  #resumedCount = 0;
  #lostNodeCount = 0;

  constructor(plan: PoolPlan) {
    this.#plan = plan;
    this.#random = createRandom(plan.seed);
    // Apart, so that all policies get the same requests.
    this.#drawing = createRandom(plan.seed + 1);
    this.#scaler = plan.scaling === null ? null : new PoolScaler(plan.scaling);
    this.#fleet = new NodeFleet({
      events: this.#events,
      members: this.#members,
      random: this.#random,
      kindOf: plan.kindOf,
      stepped: (node, request) => this.#stepped(node, request),
      ended: (node, isLost) => this.#handOver(node, isLost),
    });
    this.#edges = Array.from(
      { length: plan.edgeCount },
      () => new SimulatedEdge(this.#members, plan.createRouter(), this.#random),
    );
  }

  run(): PoolOutcome {
    const { arrivals, losses, nodeCount, durationMs, warmUpMs } = this.#plan;
    for (let i = 0; i < nodeCount; i += 1) this.#fleet.add();
    this.#planArrival(0);
    for (const at of losses) this.#events.plan(at, () => this.#loseNode());
    if (this.#scaler !== null) this.#events.plan(0, () => this.#scale(new ReplicaCount()));
    let before: Meters = { busyMs: 0, readyMs: 0, paidMs: 0 };
    let after: Meters | null = null;
    this.#events.plan(warmUpMs, () => {
      before = this.#fleet.readMeters();
    });
    this.#events.plan(durationMs, () => {
      after = this.#fleet.readMeters();
    });
    const isOver = () =>
      after !== null && this.#requests.length === arrivals.length && this.#openCount === 0;
    while (!isOver() && this.#events.step());
    const end = after ?? before;
    return {
      requests: this.#requests,
      refused: this.#refused,
      nodes: this.#fleet.nodes,
      busyMs: end.busyMs - before.busyMs,
      readyMs: end.readyMs - before.readyMs,
      paidMs: end.paidMs - before.paidMs,
      resumedCount: this.#resumedCount,
      lostNodeCount: this.#lostNodeCount,
      samples: this.#samples,
    };
  }

  #planArrival(index: number): void {
    const at = this.#plan.arrivals[index];
    if (at === undefined) return;
    this.#events.plan(at, () => {
      this.#planArrival(index + 1);
      const request = new SimulatedRequest(index, drawRequest(this.#drawing), at);
      const edge = this.#edges[Math.floor(this.#random() * this.#edges.length)];
      if (edge === undefined) throw new Error("no edge");
      this.#requests.push(request);
      this.#edgeOf.set(request, edge);
      this.#openCount += 1;
      this.#send({ request, edge, since: at, tried: new Set(), refusalCount: 0 });
    });
  }

  #send(search: Search): void {
    const { request, edge, tried } = search;
    const { nowMs } = this.#events;
    const url = edge.choose(request, tried, nowMs);
    if (url !== null) {
      this.#events.plan(nowMs + NETWORK_MS, () => this.#reach(search, url));
    } else if (nowMs - search.since >= MAX_WAIT_MS) {
      this.#refuse(request);
    } else {
      const requestId = String(request.id);
      this.#members.wait({ requestId, stepUnits: request.remainingStepUnits }, nowMs);
      this.#events.plan(nowMs + WAITING_POLL_MS, () => {
        search.tried = new Set();
        this.#send(search);
      });
    }
  }

  #reach(search: Search, url: string): void {
    const { request, edge } = search;
    const { nowMs } = this.#events;
    const node = this.#fleet.find(url);
    if (node?.state === "ready" && node.admit(request)) {
      edge.begun(url);
      return;
    }
    const isFull = node?.state === "ready";
    edge.release(request, node?.state === "gone", nowMs);
    search.tried.add(url);
    if (isFull) search.refusalCount += 1;
    if (search.refusalCount >= MAX_REFUSALS && request.deliveredSteps === 0) this.#refuse(request);
    else this.#events.plan(nowMs + NETWORK_MS, () => this.#send(search));
  }

  #refuse(request: SimulatedRequest): void {
    this.#refused.add(request);
    this.#openCount -= 1;
  }

  #stepped(node: SimulatedNode, request: SimulatedRequest): void {
    request.executedSteps += 1;
    request.deliveredSteps += 1;
    if (request.shape !== null) return;
    node.release(request);
    request.endedAt = this.#events.nowMs + NETWORK_MS;
    this.#openCount -= 1;
    this.#edgeOf.get(request)?.release(request, false, this.#events.nowMs);
    this.#edgeOf.delete(request);
  }

  /** Has the requests of a node go on elsewhere, each from its last step. */
  #handOver(node: SimulatedNode, isLost: boolean): void {
    const at = this.#events.nowMs + NETWORK_MS;
    for (const request of node.requests) {
      const edge = this.#edgeOf.get(request);
      if (edge === undefined) throw new Error("a request without an edge");
      node.release(request);
      this.#resumedCount += 1;
      const tried = new Set([node.url]);
      this.#events.plan(at, () => {
        edge.release(request, isLost, at);
        this.#send({ request, edge, since: at, tried, refusalCount: 0 });
      });
    }
  }

  #loseNode(): void {
    if (!this.#fleet.lose()) return;
    this.#lostNodeCount += 1;
    // A scaler sees for itself that one is missing.
    if (this.#scaler === null) this.#fleet.start();
  }

  #scale(replicas: ReplicaCount): void {
    const { nowMs } = this.#events;
    this.#events.plan(nowMs + SCALER_POLL_MS, () => this.#scale(replicas));
    if (this.#scaler === null) return;
    const answer = this.#scaler.decide(this.#members.readLoad(nowMs), nowMs);
    const { readyCount, startingCount } = this.#fleet;
    const current = readyCount + startingCount;
    const wanted = replicas.follow(answer.desired_nodes, current, nowMs);
    for (let count = current; count < wanted; count += 1) this.#fleet.start();
    for (let count = current; count > wanted; count -= 1) this.#fleet.remove();
    this.#samples.push({
      atMs: nowMs,
      desiredNodes: answer.desired_nodes,
      readyNodes: this.#fleet.readyCount,
      startingNodes: this.#fleet.startingCount,
    });
  }
}
