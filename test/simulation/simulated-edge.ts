/**
 * One isolate of the edge: its own view of the pool, what it has sent, whom it lets rest.
 *
 * Owns what edge/pool/node-pool.ts owns, without its streams. Does not own the choice (routers.ts).
 */
import { CircuitBreakers } from "../../edge/pool/circuit-breaker.ts";
import type { PoolMembers } from "../../edge/pool/pool-members.ts";
import type { NodeLoad } from "../../edge/pool/predict-completion.ts";
import type { NodeSnapshot } from "../../shared/contracts/pool.ts";
import { VIEW_REFRESH_MS } from "./parameters.ts";
import type { Router } from "./routers.ts";
import type { SimulatedRequest } from "./simulated-request.ts";

interface Load extends NodeLoad {
  readonly node: NodeSnapshot;
  unseenCount: number;
  unseenStepUnits: number;
}

interface Sent {
  readonly url: string;
  readonly sentAt: number;
  readonly stepUnits: number;
}

export class SimulatedEdge {
  readonly #members: PoolMembers;
  readonly #router: Router;
  readonly #random: () => number;
  readonly #breakers = new CircuitBreakers();
  /** Nodes that have ever failed this edge: only they can rest. */
  readonly #failed = new Set<string>();
  readonly #inFlight = new Map<SimulatedRequest, Sent>();
  readonly #sentByUrl = new Map<string, Set<Sent>>();
  #loads: readonly Load[] = [];
  #byUrl = new Map<string, Load>();
  #readAt = Number.NEGATIVE_INFINITY;

  constructor(members: PoolMembers, router: Router, random: () => number) {
    this.#members = members;
    this.#router = router;
    this.#random = random;
  }

  /** Chooses a node for a request and counts it in; its URL, or `null` if there is none. */
  choose(request: SimulatedRequest, tried: ReadonlySet<string>, nowMs: number): string | null {
    if (nowMs - this.#readAt >= VIEW_REFRESH_MS) this.#refresh(nowMs);
    const isResting = ({ node }: Load) =>
      this.#failed.has(node.url) && this.#breakers.isResting(node.url, nowMs);
    const rested =
      this.#failed.size === 0 ? this.#loads : this.#loads.filter((load) => !isResting(load));
    const asked = rested.length === 0 && tried.size === 0 ? this.#loads : rested;
    const { demand } = request;
    const chosen = this.#router(asked, {
      demand,
      excludedUrls: tried,
      nowMs,
      random: this.#random,
    });
    if (chosen === null) return null;
    const { url } = chosen.node;
    this.#breakers.probe(url, nowMs);
    const sent = { url, sentAt: nowMs, stepUnits: request.maxStepUnits };
    this.#inFlight.set(request, sent);
    const ofNode = this.#sentByUrl.get(url) ?? new Set();
    this.#sentByUrl.set(url, ofNode.add(sent));
    chosen.unseenCount += 1;
    chosen.unseenStepUnits += sent.stepUnits;
    return url;
  }

  /** The node has begun. */
  begun(url: string): void {
    this.#breakers.succeed(url);
    this.#failed.delete(url);
  }

  /** Counts a request out; tells a failure of the node's own. */
  release(request: SimulatedRequest, isFailed: boolean, nowMs: number): void {
    const sent = this.#inFlight.get(request);
    if (sent === undefined) throw new Error("a request that was sent nowhere");
    this.#inFlight.delete(request);
    this.#sentByUrl.get(sent.url)?.delete(sent);
    const load = this.#byUrl.get(sent.url);
    if (load !== undefined && sent.sentAt >= load.node.heardAt) {
      load.unseenCount -= 1;
      load.unseenStepUnits -= sent.stepUnits;
    }
    if (!isFailed) return;
    this.#breakers.fail(sent.url, nowMs);
    this.#failed.add(sent.url);
  }

  #refresh(nowMs: number): void {
    this.#readAt = nowMs;
    this.#loads = this.#members
      .listNodes(nowMs)
      .filter((node) => !node.is_draining)
      .map((node) => this.#readLoad(node));
    this.#byUrl = new Map(this.#loads.map((load) => [load.node.url, load]));
  }

  #readLoad(node: NodeSnapshot): Load {
    const load: Load = { node, unseenCount: 0, unseenStepUnits: 0 };
    for (const { sentAt, stepUnits } of this.#sentByUrl.get(node.url) ?? []) {
      if (sentAt < node.heardAt) continue;
      load.unseenCount += 1;
      load.unseenStepUnits += stepUnits;
    }
    return load;
  }
}
