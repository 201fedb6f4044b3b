/**
 * A node's stream as values: frames checked against the wire's contract, heartbeats between.
 *
 * Owns: order, silence, truncation and the receipt's signature.
 * Does not own: the connection (node-client.ts), or what a frame becomes (edge/streaming).
 */
import { ApiError } from "#shared/contracts/errors.ts";
import {
  type NodeFrame,
  type NodeGenerationRequest,
  nodeFrameSchema,
  type Receipt,
  receiptSchema,
} from "#shared/contracts/node-wire.ts";
import { verifyToken } from "#shared/contracts/signed-token.ts";
import { type ByteStream, parseEvents } from "#shared/event-stream/parse-events.ts";
import { LostNodeError, toPublicError } from "./node-error.ts";

/** A frame that goes on to the client; the node's `error` frame is thrown instead. */
export type NodeProgress = Exclude<NodeFrame, { type: "error" }>;

/** One thing heard from a node. */
export type NodeEvent =
  | { readonly type: "frame"; readonly frame: NodeProgress }
  | { readonly type: "comment"; readonly text: string };

/** How a node's stream is read. */
export interface ReadNodeEventsOptions {
  /** What was asked for. */
  readonly request: NodeGenerationRequest;
  /** Signs receipts. */
  readonly grantSecret: string;
  /** Longest silence, heartbeats counted. */
  readonly maxSilenceMs: number;
  /** Told of the receipt of a generation that failed; that of an answer is in its frame. */
  readonly onFailureReceipt: (receipt: Receipt) => void;
}

/**
 * Yields what the node says, up to and including `done`.
 *
 * @throws {ApiError} the node's own code when it reports an error; `node_failed` when the stream
 *   ends early, falls silent, breaks the contract, or bears a receipt that does not hold.
 */
export async function* readNodeEvents(
  source: ByteStream,
  options: ReadNodeEventsOptions,
): AsyncGenerator<NodeEvent, void, void> {
  for await (const heard of hear(source, options.maxSilenceMs)) {
    if (heard.type === "comment") {
      yield heard;
      continue;
    }
    const frame = await checkFrame(heard.data, options);
    yield { type: "frame", frame };
    if (frame.type === "done") return;
  }
  throw new LostNodeError("The node ended its stream before the answer was complete.");
}

type Heard = { type: "comment"; text: string } | { type: "data"; data: string };

/** Events and comments in order, each as soon as it arrives. */
async function* hear(source: ByteStream, maxSilenceMs: number): AsyncGenerator<Heard, void, void> {
  const comments: string[] = [];
  let wake: () => void = () => undefined;
  const events = parseEvents(source, {
    onComment: (text) => {
      comments.push(text);
      wake();
    },
  });
  let next = events.next().catch(rethrowBroken);
  try {
    while (true) {
      const woken = new Promise<"comment">((resolve) => {
        wake = () => resolve("comment");
      });
      const awaited: Promise<"comment" | Awaited<typeof next>>[] = [next, woken];
      const heard = comments.length > 0 ? "comment" : await inTime(awaited, maxSilenceMs);
      for (const text of comments.splice(0)) yield { type: "comment", text };
      if (heard === "comment") continue;
      if (heard.done) return;
      yield { type: "data", data: heard.value.data };
      next = events.next().catch(rethrowBroken);
    }
  } finally {
    // Nobody waits for these any more; the connection is closed by whoever opened it.
    next.catch(() => undefined);
    events.return().catch(() => undefined);
  }
}

function rethrowBroken(cause: unknown): never {
  if (cause instanceof ApiError) throw cause;
  throw new LostNodeError("The connection to the node broke.", cause);
}

/** What comes first, or `node_failed` when nothing comes in time. */
function inTime<Value>(awaited: Promise<Value>[], maxSilenceMs: number): Promise<Value> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new LostNodeError("The node fell silent."));
    }, maxSilenceMs);
    Promise.race(awaited)
      .finally(() => clearTimeout(timer))
      .then(resolve, reject);
  });
}

async function checkFrame(data: string, options: ReadNodeEventsOptions): Promise<NodeProgress> {
  const parsed = nodeFrameSchema.safeParse(tryParseJson(data));
  if (!parsed.success) {
    throw new ApiError("node_failed", "The node sent a frame that breaks its contract.");
  }
  const frame = parsed.data;
  if (frame.type === "error") {
    if (frame.signed_receipt !== null) {
      options.onFailureReceipt(await readReceipt(frame.signed_receipt, options));
    }
    throw toPublicError(frame, options.request);
  }
  if (frame.type !== "done") return frame;
  // With the receipt that the signature covers: the bill is never taken unsigned.
  return { ...frame, receipt: await readReceipt(frame.signed_receipt, options) };
}

async function readReceipt(signed: string, options: ReadNodeEventsOptions): Promise<Receipt> {
  const receipt = receiptSchema.safeParse(await verifyToken(signed, options.grantSecret));
  if (!receipt.success || receipt.data.request_id !== options.request.request_id) {
    throw new ApiError("node_failed", "The node's receipt is not its own.");
  }
  return receipt.data;
}

function tryParseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
