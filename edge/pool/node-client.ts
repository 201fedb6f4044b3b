/**
 * One request to one node.
 *
 * Owns: the grant, the connection, the waits for it and for the first frame, cancelling.
 * Does not own: which node (node-pool.ts), or the frames after the first (node-events.ts).
 */
import { errorBodySchema } from "#shared/contracts/error-body.ts";
import { ApiError } from "#shared/contracts/errors.ts";
import type { Grant, NodeGenerationRequest, Receipt } from "#shared/contracts/node-wire.ts";
import { boundSteps } from "#shared/contracts/prices.ts";
import { signToken } from "#shared/contracts/signed-token.ts";
import { beginWith } from "./begin-with.ts";
import { LostNodeError, noReadyNode, toPublicError } from "./node-error.ts";
import { type NodeEvent, readNodeEvents } from "./node-events.ts";
import type { NodeTimeouts } from "./node-timeouts.ts";

/** The part of `fetch` that is used here. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** One generation that a node is asked for. */
export interface NodeOrder {
  readonly request: NodeGenerationRequest;
  /** From 1: how often the request was handed to a node. */
  readonly attempt: number;
  /** Who pays; comes back with a receipt that the node posts. */
  readonly billTo: string;
  /** Shared with the nodes; signs grants and receipts. */
  readonly grantSecret: string;
  /** Told of the receipt of a generation that failed. */
  readonly onFailureReceipt: (receipt: Receipt) => void;
}

/** How long after its signature a grant may begin; covers clocks that differ. */
const GRANT_LIFETIME_MS = 60_000;

/** Talks to nodes by their base URLs. */
export class NodeClient {
  readonly #fetch: Fetch;
  readonly #now: () => number;
  readonly #timeouts: NodeTimeouts;

  constructor(fetch: Fetch, now: () => number, timeouts: NodeTimeouts) {
    this.#fetch = fetch;
    this.#now = now;
    this.#timeouts = timeouts;
  }

  /**
   * Starts a generation and waits until the node has said something.
   *
   * @param controller Of this talk alone: its owner gives the request up with it, also later, while
   *   events are read; so does a node that does not begin.
   * @returns The events, the first of them a frame.
   * @throws {ApiError} `no_ready_node` if the node cannot be reached, `node_failed` if it is late or
   *   breaks off, `cancelled` if the owner gave it up, else the code of the node's own refusal. The
   *   reading throws `deadline_exceeded` when the talk has taken all its time.
   */
  async open(
    url: string,
    order: NodeOrder,
    controller: AbortController,
  ): Promise<AsyncIterableIterator<NodeEvent, void, void>> {
    const late: { message?: string } = {};
    const giveUp = (message: string) => {
      if (!controller.signal.aborted) late.message = message;
      controller.abort();
    };
    const { connectMs, firstFrameMs } = this.#timeouts;
    let timer = setTimeout(giveUp, connectMs, "The node did not answer in time.");
    try {
      const response = await this.#post(`${url}/generations`, order, controller.signal);
      clearTimeout(timer);
      timer = setTimeout(giveUp, firstFrameMs, "The node did not begin in time.");
      return await this.#begin(response, order);
    } catch (error) {
      const isGivenUp = controller.signal.aborted;
      // Whatever it was: a node that is given up must not go on.
      controller.abort();
      if (late.message !== undefined) throw new LostNodeError(late.message);
      if (isGivenUp) throw new ApiError("cancelled", "The client has left.");
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Tells the node to stop at its next step. Never rejects: the closed connection says it too. */
  async cancel(url: string, order: NodeOrder): Promise<void> {
    const cancelUrl = `${url}/generations/${order.request.request_id}/cancel`;
    const authorization = await this.#authorize(order);
    const signal = AbortSignal.timeout(this.#timeouts.cancelMs);
    const init = { method: "POST", headers: { authorization }, signal };
    await this.#fetch(cancelUrl, init)
      .then((response) => response.body?.cancel())
      .catch(() => undefined);
  }

  async #begin(
    response: Response,
    { request, grantSecret, onFailureReceipt }: NodeOrder,
  ): Promise<AsyncIterableIterator<NodeEvent, void, void>> {
    if (!response.ok || response.body === null) throw await readRefusal(response, request);
    const events = readNodeEvents(response.body, {
      request,
      grantSecret,
      maxSilenceMs: this.#timeouts.silenceMs,
      maxTotalMs: this.#timeouts.totalMs,
      onFailureReceipt,
    });
    return beginWith({ value: await firstFrame(events), done: false }, events);
  }

  async #post(url: string, order: NodeOrder, signal: AbortSignal): Promise<Response> {
    const headers = {
      authorization: await this.#authorize(order),
      "content-type": "application/json",
      accept: "text/event-stream",
    };
    const init = { method: "POST", headers, body: JSON.stringify(order.request), signal };
    try {
      return await this.#fetch(url, init);
    } catch (cause) {
      throw noReadyNode(cause);
    }
  }

  /** Allows the node to run this request, once, soon. */
  async #authorize({ request, attempt, billTo, grantSecret }: NodeOrder): Promise<string> {
    const grant: Grant = {
      request_id: request.request_id,
      max_steps: boundSteps(request.parameters),
      attempt,
      expires_at: this.#now() + GRANT_LIFETIME_MS,
      bill_to: billTo,
    };
    return `Bearer ${await signToken(grant, grantSecret)}`;
  }
}

/** Reads events until the first frame; what came before it told only that the node lives. */
async function firstFrame(events: AsyncGenerator<NodeEvent, void, void>): Promise<NodeEvent> {
  for (let next = await events.next(); !next.done; next = await events.next()) {
    if (next.value.type === "frame") return next.value;
  }
  throw new LostNodeError("The node ended its stream before the first frame.");
}

/** The node's refusal in its own words, or `node_failed` when it has none. */
async function readRefusal(response: Response, request: NodeGenerationRequest): Promise<ApiError> {
  const body = errorBodySchema.safeParse(await response.json().catch(() => null));
  if (!body.success) return new ApiError("node_failed", "The node failed.");
  return toPublicError(body.data.error, request);
}
