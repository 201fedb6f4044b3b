/** A node without a network to compute: a real HTTP server that says what a test tells it to. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { toErrorBody } from "../../shared/contracts/error-body.ts";
import { ApiError, type ErrorCode } from "../../shared/contracts/errors.ts";
import {
  type NodeFrame,
  type NodeGenerationRequest,
  type NodeModel,
  nodeGenerationRequestSchema,
  type Receipt,
} from "../../shared/contracts/node-wire.ts";
import { signToken } from "../../shared/contracts/signed-token.ts";
import { encodeComment, encodeEvent } from "../../shared/event-stream/encode-event.ts";
import { TEST_SECRETS } from "./test-secrets.ts";

/** One generation, as the script sees it. */
interface Exchange {
  readonly request: NodeGenerationRequest;
  /** The bearer token. */
  readonly grant: string;
  /** Resolves when the connection is gone, whoever closed it. */
  readonly closed: Promise<void>;
  send(frame: NodeFrame): void;
  comment(text: string): void;
  /** Sends bytes as they are. */
  sendRaw(text: string): void;
  /** Breaks the connection. */
  destroy(): void;
  /** Ends the stream. */
  end(): void;
  refuse(code: ErrorCode, param?: string): void;
  /** Resolves when the edge cancels it. */
  readonly cancelled: Promise<void>;
  /** Sends an `error` frame, with a receipt for `steps` unless that is 0, and ends. */
  fail(code: ErrorCode, steps: number): Promise<void>;
  /** Sends steps that spell `pieces`, then `done`, and ends. */
  complete(
    pieces: readonly string[],
    changes?: Partial<Receipt>,
    results?: Partial<Pick<DoneFrame, "text" | "holes" | "scores" | "hastened_steps">>,
  ): Promise<void>;
}

type DoneFrame = Extract<NodeFrame, { type: "done" }>;

/** Plays one generation. */
export type NodeScript = (exchange: Exchange) => Promise<void> | void;

export interface ScriptedNode {
  readonly url: string;
  readonly model: NodeModel;
  /** What to play; may be changed at any time. */
  script: NodeScript;
  /** Every generation asked for. */
  readonly requests: NodeGenerationRequest[];
  /** Ids that were cancelled. */
  readonly cancelled: string[];
  stop(): Promise<void>;
}

/** Says "Hello there" in two steps. */
export const sayHello: NodeScript = async (exchange) => {
  exchange.send({ type: "queued", ahead: 0 });
  await exchange.complete(["Hello", " there"]);
};

/** Starts a node that plays `sayHello` until it is told otherwise. */
export async function startScriptedNode(modelId = "llada-test"): Promise<ScriptedNode> {
  const node = { script: sayHello, requests: [], cancelled: [] } as Pick<
    ScriptedNode,
    "script" | "requests" | "cancelled"
  >;
  const model: NodeModel = {
    id: modelId,
    max_length: 512,
    vocabulary_size: 1024,
    parameter_count: 1_000_000,
    weights_digest: "ab".repeat(32),
    created: 1_760_000_000,
  };
  const cancellations = new Map<string, () => void>();
  const server = createServer((request, response) => {
    void answer(request, response).catch(() => response.destroy());
  });
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? "";
    if (path === "/model") {
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify(model));
      return;
    }
    const cancelledId = /^\/generations\/([^/]+)\/cancel$/.exec(path)?.[1];
    if (cancelledId !== undefined) {
      node.cancelled.push(cancelledId);
      cancellations.get(cancelledId)?.();
      response.writeHead(204).end();
      return;
    }
    const { promise: cancelled, resolve } = Promise.withResolvers<void>();
    const exchange = await openExchange(request, response, cancelled);
    cancellations.set(exchange.request.request_id, resolve);
    node.requests.push(exchange.request);
    await node.script(exchange);
  }
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" ? address?.port : 0;
  return Object.assign(node, {
    url: `http://127.0.0.1:${port}`,
    model,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  });
}

async function openExchange(
  incoming: IncomingMessage,
  response: ServerResponse,
  cancelled: Promise<void>,
): Promise<Exchange> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk);
  const request = nodeGenerationRequestSchema.parse(JSON.parse(Buffer.concat(chunks).toString()));
  const sendRaw = (text: string) => {
    if (!response.headersSent) response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(text);
  };
  const send = (frame: NodeFrame) => sendRaw(encodeEvent({ data: JSON.stringify(frame) }));
  return {
    request,
    grant: (incoming.headers.authorization ?? "").replace("Bearer ", ""),
    closed: once(response, "close").then(() => undefined),
    cancelled,
    sendRaw,
    send,
    comment: (text) => sendRaw(encodeComment(text)),
    destroy: () => response.destroy(),
    end: () => response.end(),
    refuse(code, param) {
      const error = new ApiError(code, `Refused: ${code}.`, { param: param ?? null });
      response.writeHead(error.status, { "content-type": "application/json" });
      response.end(JSON.stringify(toErrorBody(error, request.request_id)));
    },
    async fail(code, steps) {
      const receipt = createReceipt(request.request_id, steps, { outcome: "cancelled" });
      const signed_receipt = steps > 0 ? await signReceipt(receipt) : null;
      send({ type: "error", code, message: `Failed: ${code}.`, param: null, signed_receipt });
      response.end();
    },
    async complete(pieces, changes = {}, results = {}) {
      for (const [i, piece] of pieces.entries()) send(stepFrame(i + 1, piece));
      const done = await doneFrame(request.request_id, pieces, changes);
      send({ ...done, ...results });
      response.end();
    },
  };
}

/** A step that makes `text` final; with a state, another node can go on behind it. */
export function stepFrame(step: number, text: string, state?: string): NodeFrame {
  return {
    type: "step",
    step,
    block: 0,
    committed: [],
    masked_count: 0,
    forward_passes: step,
    step_units: step,
    ...(state === undefined ? {} : { state }),
    text_delta: text,
  };
}

/** The bill of `steps` steps on a canvas of one page. */
export function createReceipt(
  requestId: string,
  steps: number,
  changes: Partial<Receipt> = {},
): Receipt {
  return {
    request_id: requestId,
    node_id: "scripted",
    outcome: "completed",
    prompt_tokens: 5,
    completion_tokens: 3,
    steps,
    forward_passes: steps,
    step_units: steps,
    ...changes,
  };
}

/** Signs as a node does. */
export function signReceipt(receipt: Receipt): Promise<string> {
  return signToken(receipt, TEST_SECRETS.GRANT_SECRET);
}

async function doneFrame(
  requestId: string,
  pieces: readonly string[],
  changes: Partial<Receipt>,
): Promise<DoneFrame> {
  const receipt = createReceipt(requestId, pieces.length, changes);
  return {
    type: "done",
    finish_reason: "stop",
    text: pieces.join(""),
    hastened_steps: 0,
    receipt,
    signed_receipt: await signReceipt(receipt),
  };
}
