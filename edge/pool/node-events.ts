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
import { type ByteStream, EventParser } from "#shared/event-stream/parse-events.ts";
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
  /** Longest time for all of it. */
  readonly maxTotalMs: number;
  /** Told of the receipt of a generation that failed; that of an answer is in its frame. */
  readonly onFailureReceipt: (receipt: Receipt) => void;
}

/**
 * Yields what the node says, up to and including `done`.
 *
 * @throws {ApiError} the node's own code when it reports an error; `node_failed` when the stream
 *   ends early, falls silent, breaks the contract, or bears a receipt that does not hold;
 *   `deadline_exceeded` when it has no end.
 */
export async function* readNodeEvents(
  source: ByteStream,
  options: ReadNodeEventsOptions,
): AsyncGenerator<NodeEvent, void, void> {
  const stream = new NodeStream(source, options);
  try {
    for (let heard = await stream.next(); heard !== null; heard = await stream.next()) {
      for (const thing of heard) {
        const event = await toEvent(thing, options);
        const isLast = event.type === "frame" && event.frame.type === "done";
        // Nothing follows but the end; a connection that was read up to it serves the next request.
        if (isLast) stream.next().catch(() => undefined);
        yield event;
        if (isLast) return;
      }
    }
  } finally {
    stream.close();
  }
  throw new LostNodeError("The node ended its stream before the answer was complete.");
}

type Heard = { type: "comment"; text: string } | { type: "data"; data: string };

/** The bytes of a node's stream as what they say. */
class NodeStream {
  readonly #reader: ReturnType<ByteStream["getReader"]>;
  readonly #watch: StreamWatch;
  readonly #parser: EventParser;
  #heard: Heard[] = [];
  #isOver = false;

  constructor(source: ByteStream, { maxSilenceMs, maxTotalMs }: ReadNodeEventsOptions) {
    this.#reader = source.getReader();
    this.#watch = new StreamWatch(maxSilenceMs, maxTotalMs);
    const onComment = (text: string) => void this.#heard.push({ type: "comment", text });
    this.#parser = new EventParser({ onComment });
  }

  /** Events and comments in order, as soon as some arrive; `null` at the end. */
  async next(): Promise<Heard[] | null> {
    const { done, value } = await this.#watch.watch(this.#reader.read().catch(rethrowBroken));
    this.#isOver = done;
    if (value === undefined) return done ? null : [];
    this.#heard = [];
    for (const { data } of this.#parser.push(value)) this.#heard.push({ type: "data", data });
    return this.#heard;
  }

  /** Says that nobody reads any more. */
  close(): void {
    this.#watch.end();
    if (!this.#isOver) this.#reader.cancel().catch(() => undefined);
  }
}

function rethrowBroken(cause: unknown): never {
  throw new LostNodeError("The connection to the node broke.", cause);
}

/** Notices a wait that lasts too long, and a stream that does; by one timer for all of its waits. */
class StreamWatch {
  readonly #maxSilenceMs: number;
  /** Epoch milliseconds. */
  readonly #endsAt: number;
  readonly #lasted = Promise.withResolvers<never>();
  /** Epoch milliseconds; `null` while nobody waits. */
  #waitsSince: number | null = null;
  #timer: ReturnType<typeof setTimeout>;

  constructor(maxSilenceMs: number, maxTotalMs: number) {
    this.#maxSilenceMs = maxSilenceMs;
    this.#endsAt = Date.now() + maxTotalMs;
    // Between two waits nobody listens.
    this.#lasted.promise.catch(() => undefined);
    this.#timer = setTimeout(() => this.#look(), Math.min(maxSilenceMs, maxTotalMs));
  }

  /** What is waited for, or `node_failed` when it does not come in time; see {@link readNodeEvents}. */
  async watch<Value>(awaited: Promise<Value>): Promise<Value> {
    this.#waitsSince = Date.now();
    try {
      return await Promise.race([awaited, this.#lasted.promise]);
    } finally {
      this.#waitsSince = null;
    }
  }

  end(): void {
    clearTimeout(this.#timer);
  }

  #look(): void {
    const now = Date.now();
    const silenceEndsAt = (this.#waitsSince ?? now) + this.#maxSilenceMs;
    if (now >= silenceEndsAt) this.#lasted.reject(new LostNodeError("The node fell silent."));
    else if (now >= this.#endsAt) this.#lasted.reject(tooLong());
    else this.#timer = setTimeout(() => this.#look(), Math.min(silenceEndsAt, this.#endsAt) - now);
  }
}

function tooLong(): ApiError {
  return new ApiError("deadline_exceeded", "The generation took longer than one may take.");
}

async function toEvent(heard: Heard, options: ReadNodeEventsOptions): Promise<NodeEvent> {
  if (heard.type === "comment") return heard;
  return { type: "frame", frame: await checkFrame(heard.data, options) };
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
