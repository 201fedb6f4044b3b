/**
 * The nodes that this edge sends requests to.
 *
 * Owns: what is served, how busy this edge keeps each node.
 * Does not own: the choice (choose-node.ts), a request's way over the nodes (node-run.ts).
 */
import { ApiError } from "#shared/contracts/errors.ts";
import type { NodeModel } from "#shared/contracts/node-wire.ts";
import type { NodeSnapshot } from "#shared/contracts/pool.ts";
import {
  boundLengthPasses,
  boundPositions,
  boundSteps,
  toStepUnits,
} from "#shared/contracts/prices.ts";
import { chooseNode } from "./choose-node.ts";
import type { NodeClient, NodeOrder } from "./node-client.ts";
import { noReadyNode } from "./node-error.ts";
import type { NodeEvent } from "./node-events.ts";
import { type ChosenNode, NodeRun } from "./node-run.ts";
import { type PoolAccess, PoolMemory } from "./pool-access.ts";
import type { RunPosition } from "./run-progress.ts";

/** How often a request that waits looks for a node. */
const POLL_INTERVAL_MS = 250;
/** A generation to run on the nodes. */
export interface GenerationOrder extends Omit<NodeOrder, "attempt"> {
  readonly pool: PoolAccess;
  /** As {@link NodePool.findModel} found it. */
  readonly model: NodeModel;
  /** Where an earlier run of it stood that broke off with its edge; from the beginning when left out. */
  readonly after?: RunPosition;
  /**
   * Notes at the account that a node may begin, and that of the attempts before so many step units were
   * delivered. False, or a rejection, keeps the node from beginning: the request is settled.
   */
  readonly claimAttempt: (attempt: number, deliveredUnits: number) => Promise<boolean>;
  /** How long it may wait for a node without getting on, milliseconds. */
  readonly waitMs: number;
  /** Gives up while nothing was heard; from then on {@link NodeGeneration.close} does. */
  readonly signal: AbortSignal;
}

/**
 * A generation on its way over the nodes: one stream, whichever of them runs it.
 *
 * When its node fails, another goes on from the state of the last step that was told: no frame comes
 * twice, the text is that of a run that nothing disturbed, and the last frame's receipt is for all of
 * it. What fails for good is told by the reading: its error says what was charged, after
 * `onFailureReceipt` was told the bill.
 */
export interface NodeGeneration {
  /** What runs it; while it waits for its first node, what is known of its model. */
  readonly model: NodeModel;
  /** Frames, and comments while there is none; the last one is `done`, or the reading throws. */
  readonly events: AsyncGenerator<NodeEvent, void, void>;
  /** Says that nobody reads any more; may be called again. */
  close(): void;
  /** Tells the node that runs it to stop, and has no other go on. */
  cancel(): Promise<void>;
}

/** One edge isolate's view of the nodes. */
export class NodePool {
  readonly #client: NodeClient;
  readonly #now: () => number;
  readonly #memory: PoolMemory;
  /** Requests of this isolate by the node's base URL. */
  readonly #inFlight = new Map<string, number>();
  #turn = 0;

  constructor(client: NodeClient, now: () => number) {
    this.#client = client;
    this.#now = now;
    this.#memory = new PoolMemory(now);
  }

  /** The models that are served, each once, also while no node is ready. */
  async listModels(pool: PoolAccess): Promise<readonly NodeModel[]> {
    return (await this.#memory.read(pool)).models;
  }

  /**
   * The model of a name; for `null`, what the first ready node serves, else the first that is known.
   *
   * @throws {ApiError} `model_not_found`, or `no_ready_node` where no node was ever heard of.
   */
  async findModel(pool: PoolAccess, modelId: string | null): Promise<NodeModel> {
    const { nodes, models } = await this.#memory.read(pool);
    const served = [...nodes.filter(isReady).map(withStepTime), ...models];
    if (served.length === 0) throw noReadyNode();
    const model = served.find(({ id }) => modelId === null || id === modelId);
    if (model === undefined) throw modelNotFound();
    return model;
  }

  /**
   * Starts a generation on the node that {@link chooseNode} names, and has others go on with it when
   * that one fails. While no node is ready it waits, up to `waitMs`.
   *
   * @returns When something was heard: the first frame, or that it waits.
   * @throws {ApiError} what kept it from beginning: `no_ready_node`, `cancelled`, or what the last node
   *   answered.
   */
  async open(order: GenerationOrder): Promise<NodeGeneration> {
    const { signal } = order;
    const { pool } = order;
    const waiting = { requestId: order.request.request_id, stepUnits: boundStepUnits(order) };
    const source = {
      choose: (tried: ReadonlySet<string>, digest: string | null) =>
        this.#choose(order, tried, digest),
      wait: async (closed: AbortSignal) => {
        await sleep(POLL_INTERVAL_MS, closed);
        if (!closed.aborted) await this.#memory.wait(pool, waiting);
      },
    };
    const run = new NodeRun({ order, client: this.#client, source, now: this.#now });
    let leaving: Promise<void> | null = null;
    const leave = () => {
      leaving = run.cancel();
      run.close();
    };
    signal.addEventListener("abort", leave);
    try {
      if (signal.aborted) leave();
      const first = await run.events.next();
      return {
        get model() {
          return run.model;
        },
        events: startWith(first, run.events),
        close: () => run.close(),
        cancel: () => run.cancel(),
      };
    } catch (error) {
      await leaving;
      throw error;
    } finally {
      signal.removeEventListener("abort", leave);
    }
  }

  async #choose(
    order: GenerationOrder,
    tried: ReadonlySet<string>,
    weightsDigest: string | null,
  ): Promise<ChosenNode | null> {
    const { nodes } = await this.#memory.read(order.pool);
    const fitting = nodes.filter(
      (node) =>
        isReady(node) &&
        node.model.id === order.model.id &&
        (weightsDigest === null || node.model.weights_digest === weightsDigest),
    );
    const candidates = fitting.map(({ url, model }) => {
      return { url, model, inFlightCount: this.#inFlight.get(url) ?? 0 };
    });
    const node = chooseNode(candidates, tried, this.#turn++);
    return node && { url: node.url, model: node.model, release: this.#count(node.url) };
  }

  /** Counts a request in; the function returned counts it out, once. */
  #count(url: string): () => void {
    const add = (difference: number) =>
      this.#inFlight.set(url, (this.#inFlight.get(url) ?? 0) + difference);
    let isCounted = true;
    add(1);
    return () => {
      if (isCounted) add(-1);
      isCounted = false;
    };
  }
}

/** Most step units that a generation may execute: what it adds to the work to be done while it waits. */
function boundStepUnits({ request, model }: GenerationOrder): number {
  const { input, parameters } = request;
  const steps = boundSteps(parameters);
  const positions = boundPositions(input, parameters.max_tokens, model.max_length);
  return toStepUnits(steps + boundLengthPasses(input, steps), positions, parameters);
}

function isReady(node: NodeSnapshot): boolean {
  return !node.is_draining;
}

/** A node's model, and how fast that node is. */
function withStepTime({ model, step_ms: stepMs }: NodeSnapshot): NodeModel {
  return stepMs > 0 ? { ...model, step_ms: stepMs } : model;
}

async function* startWith(
  first: IteratorResult<NodeEvent, void>,
  rest: AsyncGenerator<NodeEvent, void, void>,
): AsyncGenerator<NodeEvent, void, void> {
  if (!first.done) yield first.value;
  yield* rest;
}

/** Waits, no longer than until `signal` is aborted. */
function sleep(durationMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, durationMs);
    signal.addEventListener("abort", end);
    if (signal.aborted) end();
  });
}

function modelNotFound(): ApiError {
  return new ApiError("model_not_found", "No node serves this model; see GET /v1/models.", {
    param: "model",
  });
}
