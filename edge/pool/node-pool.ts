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
import { beginWith } from "./begin-with.ts";
import { chooseNode } from "./choose-node.ts";
import { CircuitBreakers } from "./circuit-breaker.ts";
import type { NodeClient, NodeOrder } from "./node-client.ts";
import { noReadyNode } from "./node-error.ts";
import type { NodeEvent } from "./node-events.ts";
import { type ChosenNode, NodeRun, type NodeWish } from "./node-run.ts";
import { type PoolAccess, PoolMemory } from "./pool-access.ts";
import type { NodeLoad, RunDemand } from "./predict-completion.ts";
import { RetryBudget } from "./retry-budget.ts";
import type { RunPosition } from "./run-progress.ts";

/** How often a request that waits looks for a node. */
const POLL_INTERVAL_MS = 250;
/** Of a prompt, roughly; its tokenizer is at the node. */
const BYTES_PER_TOKEN = 4;
/** Of a request that leaves it to the node, roughly. */
const USUAL_BLOCK_LENGTH = 32;

/** A generation that was sent to a node. */
interface SentRun {
  /** Epoch milliseconds. */
  readonly sentAt: number;
  readonly stepUnits: number;
}

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
  readonly events: AsyncIterableIterator<NodeEvent, void, void>;
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
  /** Draws from [0, 1). */
  readonly #random: () => number;
  /** Generations of this isolate by the node's base URL. */
  readonly #inFlight = new Map<string, Set<SentRun>>();
  readonly #breakers = new CircuitBreakers();
  readonly #retries = new RetryBudget();

  constructor(client: NodeClient, now: () => number, random: () => number) {
    this.#client = client;
    this.#now = now;
    this.#random = random;
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
      choose: (wish: NodeWish) => this.#choose(order, wish),
      wait: async (closed: AbortSignal) => {
        await sleep(POLL_INTERVAL_MS, closed);
        if (!closed.aborted) await this.#memory.wait(pool, waiting);
      },
      expectedInSeconds: () => this.#memory.nodeExpectedInSeconds,
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
        events: beginWith(first, run.events),
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
    { tried, isFresh, isRetry, weightsDigest }: NodeWish,
  ): Promise<ChosenNode | null> {
    const { nodes } = await this.#memory.read(order.pool);
    const fitting = nodes.filter(
      (node) =>
        isReady(node) &&
        node.model.id === order.model.id &&
        (weightsDigest === null || node.model.weights_digest === weightsDigest),
    );
    const nowMs = this.#now();
    const candidates = fitting.map((node) => this.#readLoad(node));
    const isResting = ({ node }: NodeLoad) => this.#breakers.isResting(node.url, nowMs);
    const rested = candidates.filter((candidate) => !isResting(candidate));
    // Where all of them have failed others of late, a request that has met no failure itself still asks.
    const asked = rested.length === 0 && isFresh ? candidates : rested;
    const demand = toDemand(order);
    const choice = { demand, excludedUrls: tried, nowMs, random: this.#random };
    const chosen = chooseNode(asked, choice);
    if (chosen === null || (isRetry && !this.#retries.spend(nowMs))) return null;
    if (!isRetry) this.#retries.earn();
    const { url, model } = chosen.node;
    this.#breakers.probe(url, nowMs);
    const countOut = this.#count(url, { sentAt: nowMs, stepUnits: boundStepUnits(order) });
    return {
      url,
      model,
      begun: () => this.#breakers.succeed(url),
      release: (isFailed) => {
        countOut();
        if (isFailed) this.#breakers.fail(url, this.#now());
      },
    };
  }

  /** What a node said last, and what was sent to it since. */
  #readLoad(node: NodeSnapshot): NodeLoad {
    const sent = [...(this.#inFlight.get(node.url) ?? [])];
    const unseen = sent.filter(({ sentAt }) => sentAt >= node.heardAt);
    const unseenStepUnits = unseen.reduce((sum, { stepUnits }) => sum + stepUnits, 0);
    return { node, unseenCount: unseen.length, unseenStepUnits };
  }

  /** Counts a generation in; the function returned counts it out, and may be called again. */
  #count(url: string, run: SentRun): () => void {
    const runs = this.#inFlight.get(url) ?? new Set();
    this.#inFlight.set(url, runs.add(run));
    return () => {
      runs.delete(run);
      if (runs.size === 0 && this.#inFlight.get(url) === runs) this.#inFlight.delete(url);
    };
  }
}

/** What a generation asks of a node, roughly. */
function toDemand({ request, model }: GenerationOrder): RunDemand {
  const { input, parameters } = request;
  const { max_tokens: generationLength } = parameters;
  const promptBytes = boundPositions(input, generationLength, model.max_length) - generationLength;
  return {
    positions: generationLength + Math.max(0, promptBytes) / BYTES_PER_TOKEN,
    blockLength:
      parameters.cache === "none" ? null : (parameters.block_length ?? USUAL_BLOCK_LENGTH),
    steps: Math.max(1, boundSteps(parameters)),
  };
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
