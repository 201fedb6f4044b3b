/**
 * The nodes that this edge sends requests to.
 *
 * Owns: what each node serves, how busy this edge keeps it, a second try elsewhere.
 * Does not own: the choice (choose-node.ts), the talk with one node (node-client.ts).
 */
import { ApiError, ERROR_RULES } from "#shared/contracts/errors.ts";
import type { NodeModel } from "#shared/contracts/node-wire.ts";
import { chooseNode, type NodeCandidate } from "./choose-node.ts";
import type { NodeClient, NodeOrder } from "./node-client.ts";
import { noReadyNode } from "./node-error.ts";
import type { NodeEvent } from "./node-events.ts";

/** How long a node's answer to `GET /model` is believed, and how long its silence. */
const MODEL_LIFETIME_MS = 30_000;
const ABSENCE_LIFETIME_MS = 500;
/** Nodes that one request may be sent to before its first frame. */
const MAX_ATTEMPTS = 2;

/** A generation to run on some node. */
export interface GenerationOrder extends NodeOrder {
  /** Base URLs of the nodes that may run it. */
  readonly nodeUrls: readonly string[];
  /** Model id. */
  readonly model: string;
  /** Gives up while no node has begun; from then on {@link NodeGeneration.close} does. */
  readonly signal: AbortSignal;
}

/** A generation that runs on a node. */
export interface NodeGeneration {
  readonly model: NodeModel;
  /** The first event is a frame; the last one is `done`, or the reading throws. */
  readonly events: AsyncGenerator<NodeEvent, void, void>;
  /** Says that nobody reads any more; may be called again. */
  close(): void;
  /** Tells the node to stop. */
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
   * Starts a generation on the node that {@link chooseNode} names, and elsewhere if that one fails
   * before its first frame.
   *
   * @throws {ApiError} `model_not_found`, `no_ready_node`, or what the last node answered.
   */
  async open(order: GenerationOrder): Promise<NodeGeneration> {
    const serving = await this.#findServing(order.nodeUrls);
    const candidates = serving.filter(({ model }) => model.id === order.model);
    if (candidates.length === 0) throw modelNotFound();
    const tried = new Set<string>();
    let refusal: ApiError | null = null;
    let node = this.#choose(candidates, tried);
    while (node !== null) {
      tried.add(node.url);
      const opened = await this.#tryOn(node, order);
      if (!(opened instanceof ApiError)) return opened;
      // That a node was reached and refused says more than that another was not.
      if (refusal === null || opened.code !== "no_ready_node") refusal = opened;
      node = this.#choose(candidates, tried);
    }
    throw refusal ?? noReadyNode();
  }

  #choose(candidates: readonly ServingNode[], tried: ReadonlySet<string>): ServingNode | null {
    return tried.size < MAX_ATTEMPTS ? chooseNode(candidates, tried, this.#turn++) : null;
  }

  /** The generation, or the failure that lets another node try. */
  async #tryOn(node: ServingNode, order: GenerationOrder): Promise<NodeGeneration | ApiError> {
    try {
      return await this.#openOn(node, order);
    } catch (error) {
      if (!mayGoElsewhere(error)) throw error;
      if (error.code === "no_ready_node") this.#known.delete(node.url);
      return error;
    }
  }

  async #openOn(node: ServingNode, order: GenerationOrder): Promise<NodeGeneration> {
    const { signal } = order;
    const controller = new AbortController();
    const giveUp = () => controller.abort();
    signal.addEventListener("abort", giveUp);
    const release = this.#count(node.url);
    try {
      if (signal.aborted) giveUp();
      const events = await this.#client.open(node.url, order, controller.signal);
      return {
        model: node.model,
        events,
        close: () => {
          release();
          controller.abort();
        },
        cancel: () => this.#client.cancel(node.url, order),
      };
    } catch (error) {
      release();
      if (signal.aborted) await this.#client.cancel(node.url, order);
      throw error;
    } finally {
      signal.removeEventListener("abort", giveUp);
    }
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
    const models = await Promise.all(nodeUrls.map((url) => this.#findModel(url)));
    const nodes = nodeUrls.flatMap((url, i) => {
      const model = models[i];
      return model ? [{ url, model, inFlightCount: this.#inFlight.get(url) ?? 0 }] : [];
    });
    if (nodes.length === 0) throw noReadyNode();
    return nodes;
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

/** Failures of a node, not of the request; a client that left is neither. */
function mayGoElsewhere(error: unknown): error is ApiError {
  return error instanceof ApiError && ERROR_RULES[error.code].isRetryable;
}

function modelNotFound(): ApiError {
  return new ApiError("model_not_found", "No node serves this model; see GET /v1/models.", {
    param: "model",
  });
}
