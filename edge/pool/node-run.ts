/**
 * One request's way over the nodes, as one stream.
 *
 * Owns: the next node when one fails, from where the client's frames end; waiting while there is none;
 * the attempts, each claimed before a node may begin it, so that no two are paid for one step.
 * Does not own: which node (node-pool.ts), the talk with one (node-client.ts), how far the run has come
 * (run-progress.ts).
 */
import { ApiError, ERROR_RULES } from "#shared/contracts/errors.ts";
import type { NodeModel, Receipt } from "#shared/contracts/node-wire.ts";
import type { NodeClient, NodeOrder } from "./node-client.ts";
import type { NodeEvent, NodeProgress } from "./node-events.ts";
import type { GenerationOrder } from "./node-pool.ts";
import { toRemainingTime } from "./remaining-time.ts";
import { RunProgress } from "./run-progress.ts";
import { RunStall } from "./run-stall.ts";

/** A node that was chosen for a request, which is counted in. */
export interface ChosenNode {
  readonly url: string;
  readonly model: NodeModel;
  /** Says that the node has begun. */
  readonly begun: () => void;
  /** Counts the request out again, once; tells a failure of the node's own. */
  readonly release: (isFailed: boolean) => void;
}

/** What a run wants of its next node. */
export interface NodeWish {
  /** Base URLs of nodes that it has just failed on. */
  readonly tried: ReadonlySet<string>;
  /** False once it has failed on any since it last moved on. */
  readonly isFresh: boolean;
  /** True for a try that no step of it has paid for: one more since it failed, from where it failed. */
  readonly isRetry: boolean;
  /** Whose weights began it: no others can go on. `null` where any may begin. */
  readonly weightsDigest: string | null;
}

/** Where a run gets its nodes from. */
export interface NodeSource {
  /**
   * Chooses a node and counts the request in.
   *
   * @returns `null` if there is none.
   */
  choose(wish: NodeWish): Promise<ChosenNode | null>;
  /** Says that the request waits for a node, and comes back after a moment. */
  wait(signal: AbortSignal): Promise<void>;
  /** Seconds after which a node should be there; `null` where nobody can say. */
  expectedInSeconds(): number | null;
}

/** How often a client that waits is told that somebody is there. */
const KEEP_ALIVE_MS = 1_000;

/** What a run is made of. */
export interface NodeRunParts {
  readonly order: GenerationOrder;
  readonly client: NodeClient;
  readonly source: NodeSource;
  readonly now: () => number;
}

/** A node at work. */
interface Running {
  readonly node: ChosenNode;
  readonly order: NodeOrder;
  readonly controller: AbortController;
}

/** A run; {@link NodeRun.events} is read once. */
export class NodeRun {
  readonly events: AsyncGenerator<NodeEvent, void, void>;
  readonly #order: GenerationOrder;
  readonly #client: NodeClient;
  readonly #source: NodeSource;
  readonly #now: () => number;
  readonly #startedAt: number;
  readonly #progress: RunProgress;
  /** Aborted when nobody reads any more. */
  readonly #closed = new AbortController();
  #isCancelled = false;
  /** True once its last frame was read: no node works for it, and it waits for none. */
  #isAnswered = false;
  /** False while it is between nodes. */
  #isOnNode = false;
  #model: NodeModel;
  #running: Running | null = null;
  /** Of the last attempt, where it failed and said what it had cost. */
  #receipt: Receipt | null = null;
  /** Since the last step: nodes not to be tried again at once, and what went wrong. */
  #stall = new RunStall();

  constructor({ order, client, source, now }: NodeRunParts) {
    this.#order = order;
    this.#client = client;
    this.#source = source;
    this.#now = now;
    this.#startedAt = now();
    this.#model = order.model;
    this.#progress = new RunProgress(order.after);
    this.events = this.#run();
  }

  /** What runs it: while no node has begun, what is known of its model. */
  get model(): NodeModel {
    return this.#model;
  }

  /** Says that nobody reads any more; may be called again. */
  close(): void {
    // Giving up costs more than noticing that nothing is left to give up.
    if (!this.#isAnswered) {
      this.#closed.abort();
      this.#running?.controller.abort();
    }
    this.#running?.node.release(false);
  }

  /** Tells the node to stop, and goes to no other. */
  async cancel(): Promise<void> {
    this.#isCancelled = true;
    const running = this.#running;
    if (running === null) this.#closed.abort();
    else await this.#client.cancel(running.node.url, running.order);
  }

  async *#run(): AsyncGenerator<NodeEvent, void, void> {
    try {
      if (!(await this.#claimNext())) throw new ApiError("node_failed", "The request is settled.");
      for (;;) {
        const node = yield* this.#findNode();
        const failure = yield* this.#runOn(node);
        if (failure === null) return;
        await this.#goOn(failure, node);
      }
    } catch (thrown) {
      throw this.#settle(thrown);
    }
  }

  /** The next node; a client that waits for one is told that somebody is there. */
  async *#findNode(): AsyncGenerator<NodeEvent, ChosenNode, void> {
    let toldAt = Number.NEGATIVE_INFINITY;
    this.#isOnNode = false;
    for (;;) {
      const { tried, isFresh, noteCount } = this.#stall;
      const { weightsDigest, position } = this.#progress;
      // Each move of a run that gets on had steps of its own before it: no storm is made of those.
      const isRetry = noteCount > (position.steps > 0 ? 1 : 0);
      const node = await this.#source.choose({ tried, isFresh, isRetry, weightsDigest });
      if (this.#isLeft()) {
        node?.release(false);
        throw new ApiError("cancelled", "The client has left.");
      }
      if (node !== null) return node;
      const { waitMs } = this.#order;
      const expectedInSeconds = this.#source.expectedInSeconds();
      const wait = { nowMs: this.#now(), waitMs, expectedInSeconds };
      const refusal = this.#stall.giveUp(wait, this.#progress.hasBegun);
      if (refusal !== null) throw refusal;
      if (this.#now() - toldAt >= KEEP_ALIVE_MS) {
        toldAt = this.#now();
        yield { type: "comment", text: "waiting for a node" };
      }
      await this.#source.wait(this.#closed.signal);
      // A moment later, what has failed may be tried again.
      this.#stall.tried.clear();
    }
  }

  /** Runs it on a node; the failure that lets another go on, or `null` at the end. */
  async *#runOn(node: ChosenNode): AsyncGenerator<NodeEvent, ApiError | null, void> {
    const running = { node, order: this.#write(), controller: new AbortController() };
    this.#running = running;
    this.#isOnNode = true;
    if (this.#progress.weightsDigest === null) this.#model = node.model;
    let isFailed = false;
    try {
      const events = await this.#client.open(node.url, running.order, running.controller);
      node.begun();
      for await (const event of events) {
        this.#isAnswered = isAnswer(event);
        if (event.type === "comment" || this.#take(event.frame, node)) yield event;
      }
      return null;
    } catch (thrown) {
      if (this.#isLeft() || !isNodeFailure(thrown)) throw thrown;
      // What is full, and what a request itself may have broken, says nothing of the node.
      isFailed = thrown.code !== "overloaded" && thrown.code !== "session_failed";
      return thrown;
    } finally {
      // Whatever it was: a node that is given up must not go on. One that has answered is not hung up on:
      // its connection serves the next request.
      if (!this.#isAnswered) running.controller.abort();
      node.release(isFailed);
      this.#running = null;
    }
  }

  #isLeft(): boolean {
    return this.#isCancelled || this.#closed.signal.aborted;
  }

  /** Counts the next attempt; from then on the receipt of the last one changes nothing. */
  async #claimNext(): Promise<boolean> {
    this.#progress.begin();
    const { attempt, stepUnits } = this.#progress.position;
    return await this.#order.claimAttempt(attempt, stepUnits);
  }

  /** Writes the order of the attempt. */
  #write(): NodeOrder {
    this.#receipt = null;
    const { request, grantSecret, billTo } = this.#order;
    const { state, attempt } = this.#progress.position;
    const parameters = toRemainingTime(request.parameters, this.#now() - this.#startedAt);
    const resumed = state === null ? {} : { resume_from: state };
    return {
      request: { ...request, parameters, ...resumed },
      attempt,
      billTo,
      grantSecret,
      onFailureReceipt: (receipt) => {
        this.#receipt = receipt;
      },
    };
  }

  /** True for a frame that the client does not have. */
  #take(frame: NodeProgress, node: ChosenNode): boolean {
    const { steps } = this.#progress.position;
    const isNew = this.#progress.take(frame, node.model.weights_digest);
    if (this.#progress.position.steps > steps) this.#stall = new RunStall();
    return isNew;
  }

  /** Makes ready for another node, or throws the failure where none is to go on. */
  async #goOn(failure: ApiError, node: ChosenNode): Promise<void> {
    this.#stall.note(failure, node.url);
    const mayGoOn = this.#progress.isResumable && this.#stall.mayGoOn(this.#progress.hasBegun);
    if (!mayGoOn) throw failure;
    // At once, also where no node is ready yet.
    if (!(await this.#claimNext())) throw failure;
  }

  /** Tells what a run that ends here has cost, and has its error say so. */
  #settle(thrown: unknown): unknown {
    // A node that was told to stop has a receipt for what it ran, however it comes.
    const isWithNode = this.#isLeft() && this.#isOnNode && this.#receipt === null;
    const receipt = this.#receipt ?? this.#progress.toReceipt(this.#order.request.request_id);
    if (receipt === null || isWithNode) return thrown;
    this.#order.onFailureReceipt(receipt);
    if (!(thrown instanceof ApiError) || thrown.code === "cancelled") return thrown;
    const { code, message, param, cause, metadata } = thrown;
    const { step_units: stepUnits } = receipt;
    return new ApiError(code, `${message} The ${stepUnits} step units before it are charged.`, {
      param,
      cause,
      metadata: { ...metadata, charged_step_units: stepUnits },
      ...(thrown.retryAfterSeconds && { retryAfterSeconds: thrown.retryAfterSeconds }),
    });
  }
}

function isAnswer(event: NodeEvent): boolean {
  return event.type === "frame" && event.frame.type === "done";
}

/** Failures of a node, not of the request; a client that left is neither. */
function isNodeFailure(thrown: unknown): thrown is ApiError {
  return thrown instanceof ApiError && ERROR_RULES[thrown.code].isRetryable;
}
