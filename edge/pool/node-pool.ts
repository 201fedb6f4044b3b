/**
 * The nodes that this edge sends requests to.
 *
 * Owns: what each node serves, how busy this edge keeps it.
 * Does not own: the choice (choose-node.ts), a request's way over the nodes (node-run.ts).
 */
import { ApiError } from "#shared/contracts/errors.ts";
import type { NodeModel } from "#shared/contracts/node-wire.ts";
import { chooseNode, type NodeCandidate } from "./choose-node.ts";
import type { NodeClient, NodeOrder } from "./node-client.ts";
import { noReadyNode } from "./node-error.ts";
import type { NodeEvent } from "./node-events.ts";
import { type ChosenNode, NodeRun } from "./node-run.ts";
import type { RunPosition } from "./run-progress.ts";

/** How long a node's answer to `GET /model` is believed, and how long its silence. */
const MODEL_LIFETIME_MS = 30_000;
const ABSENCE_LIFETIME_MS = 500;
/** How often a request that waits looks for a node. */
const POLL_INTERVAL_MS = 250;
/** A generation to run on the nodes. */
export interface GenerationOrder extends Omit<NodeOrder, "attempt"> {
  /** Base URLs of the nodes that may run it. */
  readonly nodeUrls: readonly string[];
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

interface ServingNode extends NodeCandidate {
  readonly model: NodeModel;
}

/** One edge isolate's view of the nodes. */
export class NodePool {
  readonly #client: NodeClient;
  readonly #now: () => number;
  readonly #known = new Map<string, { model: NodeModel | null; expiresAt: number }>();
  readonly #inFlight = new Map<string, number>();
  #turn = 0;

  constructor(client: NodeClient, now: () => number) {
    this.#client = client;
    this.#now = now;
  }

  /**
   * The models that nodes serve now, each once, in the nodes' order.
   *
   * @throws {ApiError} `no_ready_node` if no node answers.
   */
  async listModels(nodeUrls: readonly string[]): Promise<NodeModel[]> {
    const nodes = await this.#findServing(nodeUrls);
    return [...new Map(nodes.map(({ model }) => [model.id, model])).values()];
  }

  /**
   * The model of a name; for `null`, what the first node serves.
   *
   * @throws {ApiError} `model_not_found`, `no_ready_node`.
   */
  async findModel(nodeUrls: readonly string[], modelId: string | null): Promise<NodeModel> {
    const serving = await this.#findServing(nodeUrls);
    const node = serving.find(({ model }) => modelId === null || model.id === modelId);
    if (node === undefined) throw modelNotFound();
    return node.model;
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
    const source = {
      choose: (tried: ReadonlySet<string>, digest: string | null) =>
        this.#choose(order, tried, digest),
      wait: (closed: AbortSignal) => sleep(POLL_INTERVAL_MS, closed),
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
    const nodes = (await this.#listNodes(order.nodeUrls)).filter(
      ({ model }) =>
        model.id === order.model.id &&
        (weightsDigest === null || model.weights_digest === weightsDigest),
    );
    const node = chooseNode(nodes, tried, this.#turn++);
    if (node === null) return null;
    const countOut = this.#count(node.url);
    return {
      url: node.url,
      model: node.model,
      release: (outcome) => {
        if (outcome === "failed") this.#known.delete(node.url);
        countOut();
      },
    };
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

  async #findServing(nodeUrls: readonly string[]): Promise<ServingNode[]> {
    const nodes = await this.#listNodes(nodeUrls);
    if (nodes.length === 0) throw noReadyNode();
    return nodes;
  }

  async #listNodes(nodeUrls: readonly string[]): Promise<ServingNode[]> {
    const models = await Promise.all(nodeUrls.map((url) => this.#findModel(url)));
    return nodeUrls.flatMap((url, i) => {
      const model = models[i];
      return model ? [{ url, model, inFlightCount: this.#inFlight.get(url) ?? 0 }] : [];
    });
  }

  async #findModel(url: string): Promise<NodeModel | null> {
    const known = this.#known.get(url);
    if (known !== undefined && known.expiresAt > this.#now()) return known.model;
    const model = await this.#client.readModel(url).catch(() => null);
    const lifetimeMs = model === null ? ABSENCE_LIFETIME_MS : MODEL_LIFETIME_MS;
    this.#known.set(url, { model, expiresAt: this.#now() + lifetimeMs });
    return model;
  }
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
