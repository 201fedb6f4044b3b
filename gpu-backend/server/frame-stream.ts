/**
 * The body of one answer: frames as server-sent events, heartbeats between.
 *
 * Owns: the bytes that the client has not taken yet, their limit, and noticing that it has left.
 * Does not own: what the frames say (node-frames.ts), the socket (@hono/node-server).
 */
import type { NodeFrame } from "#shared/contracts/node-wire.ts";
import { encodeComment, encodeEvent } from "#shared/event-stream/encode-event.ts";

/** How a stream behaves; both sides of the wire know the first number. */
export interface FrameStreamOptions {
  /** Longest silence before a heartbeat. */
  readonly heartbeatIntervalMs: number;
  /** Bytes that may wait for a client that reads too slowly. */
  readonly maxUnsentBytes: number;
  /** Told once that nobody will read the rest: the client has left or does not keep up. */
  readonly onAbandoned: (why: "client_gone" | "client_slow") => void;
}

/** Frames on their way to one client. */
export class FrameStream {
  /** `text/event-stream` bytes. */
  readonly body: ReadableStream<Uint8Array>;
  readonly #options: FrameStreamOptions;
  readonly #encoder = new TextEncoder();
  /** Runs from the first frame to the end. */
  #heartbeat: NodeJS.Timeout | null = null;
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  #isAbandoned = false;

  constructor(options: FrameStreamOptions) {
    this.#options = options;
    this.body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        cancel: () => {
          this.#stop();
          this.#reportAbandoned("client_gone");
        },
      },
      new ByteLengthQueuingStrategy({ highWaterMark: options.maxUnsentBytes }),
    );
  }

  /** Queues a frame; after {@link end}, or once the client has left, it is dropped. */
  send(frame: NodeFrame): void {
    if (this.#controller === null) return;
    this.#write(encodeEvent({ data: JSON.stringify(frame) }));
    if ((this.#controller.desiredSize ?? 0) <= 0) this.#reportAbandoned("client_slow");
  }

  /** Ends the body after what is queued. */
  end(): void {
    this.#controller?.close();
    this.#stop();
  }

  #stop(): void {
    if (this.#heartbeat !== null) clearInterval(this.#heartbeat);
    this.#controller = null;
  }

  /** A heartbeat behind unsent frames would prove nothing and take room. */
  #beat(): void {
    const isEmpty = this.#controller?.desiredSize === this.#options.maxUnsentBytes;
    if (isEmpty) this.#write(encodeComment("heartbeat"));
  }

  #write(text: string): void {
    this.#controller?.enqueue(this.#encoder.encode(text));
    // The interval is a deadline that every write moves.
    this.#heartbeat ??= setInterval(() => this.#beat(), this.#options.heartbeatIntervalMs);
    this.#heartbeat.refresh();
  }

  #reportAbandoned(why: "client_gone" | "client_slow"): void {
    if (this.#isAbandoned) return;
    this.#isAbandoned = true;
    this.#options.onAbandoned(why);
  }
}
