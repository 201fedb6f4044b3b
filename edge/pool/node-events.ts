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
        const frame = thing.type === "data" ? checkFrame(thing.text) : null;
        if (isLast(frame)) {
          const answer = await toAnswer(frame, options);
          stream.readOut();
          yield { type: "frame", frame: answer };
          return;
        }
        yield toEvent(thing, frame);
      }
    }
  } finally {
    stream.close();
  }
  throw new LostNodeError("The node ended its stream before the answer was complete.");
}

interface Heard {
  readonly type: "comment" | "data";
  readonly text: string;
}

/** The bytes of a node's stream as what they say. */
class NodeStream {
  readonly #reader: ReturnType<ByteStream["getReader"]>;
  readonly #watch: StreamWatch;
  readonly #parser: EventParser;
  #heard: Heard[] = [];
  #isOver = false;
  #isReadOut = false;

  constructor(source: ByteStream, { maxSilenceMs, maxTotalMs }: ReadNodeEventsOptions) {
    this.#reader = source.getReader();
    this.#watch = new StreamWatch(maxSilenceMs, maxTotalMs);
    const onComment = (text: string) => void this.#heard.push({ type: "comment", text });
    this.#parser = new EventParser({ onComment });
  }

  /** Events and comments in order, as soon as some arrive; `null` at the end. */
  async next(): Promise<readonly Heard[] | null> {
    const { done, value } = await this.#watch.watch(this.#reader.read());
    this.#isOver = done;
    if (value === undefined) return done ? null : [];
    this.#heard = [];
    for (const { data } of this.#parser.push(value)) this.#heard.push({ type: "data", text: data });
    return this.#heard;
  }

  /**
   * Reads what follows the answer while nobody waits for it: nothing but the end. A connection that was
   * read up to it serves the next request.
   */
  readOut(): void {
    this.#isReadOut = true;
    const hangUp = () => this.#hangUp();
    this.next().then(hangUp, hangUp);
  }

  /** Says that nobody reads any more. */
  close(): void {
    if (!this.#isReadOut) this.#hangUp();
  }

  #hangUp(): void {
    this.#watch.end();
    if (!this.#isOver) this.#reader.cancel().catch(() => undefined);
  }
}

/** Notices a wait that lasts too long, and a stream that does; by one timer for all of its waits. */
class StreamWatch {
  readonly #maxSilenceMs: number;
  /** Epoch milliseconds. */
  readonly #endsAt: number;
  /** Epoch milliseconds; `null` while nobody waits. */
  #waitsSince: number | null = null;
  /** What the wait ends with, once it has lasted too long. */
  #failure: ApiError | null = null;
  #giveUp: (failure: ApiError) => void = () => undefined;
  #timer: ReturnType<typeof setTimeout>;

  constructor(maxSilenceMs: number, maxTotalMs: number) {
    this.#maxSilenceMs = maxSilenceMs;
    this.#endsAt = Date.now() + maxTotalMs;
    this.#timer = setTimeout(() => this.#look(), Math.min(maxSilenceMs, maxTotalMs));
  }

  /** What is waited for, or `node_failed` when it does not come in time; see {@link readNodeEvents}. */
  watch<Value>(awaited: Promise<Value>): Promise<Value> {
    this.#waitsSince = Date.now();
    return new Promise((resolve, reject) => {
      this.#giveUp = reject;
      if (this.#failure !== null) reject(this.#failure);
      awaited.then(
        (value) => {
          this.#waitsSince = null;
          resolve(value);
        },
        (cause: unknown) => {
          this.#waitsSince = null;
          reject(new LostNodeError("The connection to the node broke.", cause));
        },
      );
    });
  }

  end(): void {
    clearTimeout(this.#timer);
  }

  #look(): void {
    const now = Date.now();
    const silenceEndsAt = (this.#waitsSince ?? now) + this.#maxSilenceMs;
    if (now >= silenceEndsAt) this.#fail(new LostNodeError("The node fell silent."));
    else if (now >= this.#endsAt) this.#fail(tooLong());
    else this.#timer = setTimeout(() => this.#look(), Math.min(silenceEndsAt, this.#endsAt) - now);
  }

  #fail(failure: ApiError): void {
    this.#failure = failure;
    this.#giveUp(failure);
  }
}

function tooLong(): ApiError {
  return new ApiError("deadline_exceeded", "The generation took longer than one may take.");
}

type LastFrame = Extract<NodeFrame, { type: "done" | "error" }>;

function checkFrame(data: string): NodeFrame {
  const parsed = nodeFrameSchema.safeParse(tryParseJson(data));
  if (parsed.success) return parsed.data;
  throw new ApiError("node_failed", "The node sent a frame that breaks its contract.");
}

function toEvent({ text }: Heard, frame: Exclude<NodeFrame, LastFrame> | null): NodeEvent {
  return frame === null ? { type: "comment", text } : { type: "frame", frame };
}

function isLast(frame: NodeFrame | null): frame is LastFrame {
  return frame?.type === "done" || frame?.type === "error";
}

/** The answer with its bill; throws what the node failed with, once its bill was told. */
async function toAnswer(
  frame: LastFrame,
  options: ReadNodeEventsOptions,
): Promise<Extract<NodeFrame, { type: "done" }>> {
  if (frame.type === "done") {
    // With the receipt that the signature covers: the bill is never taken unsigned.
    return { ...frame, receipt: await readReceipt(frame.signed_receipt, options) };
  }
  if (frame.signed_receipt !== null) {
    options.onFailureReceipt(await readReceipt(frame.signed_receipt, options));
  }
  throw toPublicError(frame, options.request);
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
