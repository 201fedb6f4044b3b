/**
 * A generation as it happens: an async iterable of frames that survives broken connections.
 *
 * Owns: re-attaching after the last event that came, the canvas after each event, the end.
 * Does not own: a call's own retries (http.ts), what an event does to the canvas (canvas.ts).
 */
import { type IncomingEvent, parseEvents } from "../event-stream/parse-events.ts";
import type { Generation, GenerationEvent } from "./api-types.ts";
import { Canvas } from "./canvas.ts";
import { type Call, type Http, isPassing } from "./http.ts";
import { toUnmaskError, UnmaskError } from "./unmask-error.ts";

/** One event, and the canvas after it. */
export interface Frame {
  readonly event: GenerationEvent;
  /** `null` until the canvas has begun. */
  readonly canvas: Canvas | null;
}

/**
 * Frames of one generation. Iterated once; leaving the loop early lets the generation go, which the API
 * notices, and bills what was executed. A failure is the last frame, and thrown after it.
 */
export class GenerationStream implements AsyncIterable<Frame> {
  readonly #http: Http;
  readonly #first: Call;
  readonly #frames: AsyncGenerator<Frame, void, void>;
  #id: string | null;
  #lastEventId = "";
  #canvas: Canvas | null = null;
  #generation: Generation | null = null;

  /** @param id The generation's, where `first` attaches to one that was begun before. */
  constructor(http: Http, first: Call, id: string | null = null) {
    this.#http = http;
    this.#first = first;
    this.#id = id;
    this.#frames = this.#run();
  }

  /** Known from the first frame on. */
  get id(): string | null {
    return this.#id;
  }

  /** After the last frame that was read; `null` until it has begun. */
  get canvas(): Canvas | null {
    return this.#canvas;
  }

  [Symbol.asyncIterator](): AsyncIterator<Frame, void, void> {
    return this.#frames;
  }

  /** The text as it becomes final, piece by piece, in place of frames. */
  async *text(): AsyncGenerator<string, void, void> {
    for await (const { event } of this) {
      if (event.type === "step" && event.text_delta !== "") yield event.text_delta;
    }
  }

  /**
   * Reads to the end: of a cancelled generation, what there is.
   *
   * @throws {UnmaskError} why there is no whole answer.
   */
  async final(): Promise<Generation> {
    for await (const _ of this);
    if (this.#generation === null) {
      throw new UnmaskError("invalid_answer", "The stream was left before its end.");
    }
    return this.#generation;
  }

  /** Ends the generation at its next step; what was executed is billed. The last frame says so. */
  async cancel(): Promise<void> {
    if (this.#id === null) throw new UnmaskError("invalid_answer", "Nothing runs yet.");
    const path = `/generations/${this.#id}/cancel`;
    await this.#http.read({ method: "POST", path, idempotencyKey: crypto.randomUUID() });
  }

  async *#run(): AsyncGenerator<Frame, void, void> {
    for (let failures = 0; ; failures += 1) {
      const before = this.#lastEventId;
      try {
        yield* this.#attach();
        return;
      } catch (cause) {
        const error = toStreamError(cause, this.#first.signal);
        if (this.#lastEventId !== before) failures = 0;
        const hasEnded = this.#generation !== null;
        if (hasEnded || !isPassing(error) || failures >= this.#http.options.maxRetries) throw error;
        await this.#http.wait(failures, error, this.#first.signal);
      }
    }
  }

  /** Frames of one connection; throws when it breaks before the end. */
  async *#attach(): AsyncGenerator<Frame, void, void> {
    for await (const event of parseEvents(await this.#http.open(this.#call()))) {
      const frame = this.#take(event);
      if (frame === null) continue;
      yield frame;
      const ended = this.#generation;
      if (ended?.status === "failed") throw toFailure(ended);
      if (ended !== null) return;
    }
    throw new UnmaskError("connection_failed", "The stream ended before the answer was whole.");
  }

  /** The first call until the generation has a name, then an attachment after what was read. */
  #call(): Call {
    if (this.#lastEventId === "" || this.#id === null) return this.#first;
    return {
      method: "GET",
      path: `/generations/${this.#id}/events`,
      headers: { accept: "text/event-stream", "last-event-id": this.#lastEventId },
      signal: this.#first.signal,
    };
  }

  /** @returns `null` for an event that was read before. */
  #take({ id, data }: IncomingEvent): Frame | null {
    if (id !== "" && Number(id) <= Number(this.#lastEventId)) return null;
    const event = JSON.parse(data) as GenerationEvent;
    this.#lastEventId = id;
    if (event.type === "queued" || event.type === "started") this.#id = event.id;
    if (event.type === "started") this.#canvas = Canvas.begin(event);
    if (event.type === "step") this.#canvas = this.#canvas?.apply(event) ?? null;
    if (event.type === "done" || event.type === "error") this.#generation = event.generation;
    return { event, canvas: this.#canvas };
  }
}

function toFailure({ error }: Generation): UnmaskError {
  if (error !== null) return toUnmaskError(error, { status: null, requestId: null });
  return new UnmaskError("invalid_answer", "The generation failed and does not say why.");
}

function toStreamError(cause: unknown, signal: AbortSignal | undefined): unknown {
  if (cause instanceof UnmaskError) return cause;
  if (signal?.aborted) return new UnmaskError("aborted", "The call was aborted.", { cause });
  if (cause instanceof SyntaxError) {
    return new UnmaskError("invalid_answer", "An event of the stream is no JSON.", { cause });
  }
  return new UnmaskError("connection_failed", "The connection broke.", { cause });
}
