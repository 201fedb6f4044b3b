/**
 * Server-sent events, incoming: the WHATWG parser over a stream of bytes.
 *
 * Owns: lines, fields and events, wherever the bytes were split.
 * Does not own: the connection, reconnecting, or what `data` means.
 */
import { ApiError } from "../contracts/errors.ts";

/** One event as it was received. */
export interface IncomingEvent {
  /** `message` when the sender named none. */
  readonly event: string;
  /** The last id that the stream gave, at this event or before; empty when it gave none. */
  readonly id: string;
  /** Lines joined by LF. */
  readonly data: string;
}

/** What a `ReadableStream` of bytes offers; every runtime's own satisfies it. */
export interface ByteStream {
  getReader(): ByteReader;
}

interface ByteReader {
  read(): Promise<{ done: boolean; value?: Uint8Array | undefined }>;
  cancel(reason?: unknown): Promise<void>;
}

/** How a stream is read. */
export interface ParseEventsOptions {
  /** Longest line and longest `data` of one event, UTF-16 code units. */
  readonly maxCharacters?: number;
  /** Told of each comment line, in order with the events; without its colon and one space. */
  readonly onComment?: (text: string) => void;
}

/** Enough for the largest body that the API accepts, quoted as JSON. */
const DEFAULT_MAX_CHARACTERS = 4 * 1024 * 1024;

/**
 * Yields the events of `source` in order. An event that the stream's end cuts off is dropped.
 * Leaving the loop early cancels the source.
 *
 * @throws {ApiError} `node_failed` if a line or an event is longer than `maxCharacters`.
 */
export async function* parseEvents(
  source: ByteStream | AsyncIterable<Uint8Array>,
  options: ParseEventsOptions = {},
): AsyncGenerator<IncomingEvent, void, void> {
  const parser = new EventParser(options);
  for await (const chunk of "getReader" in source ? readChunks(source) : source) {
    for (const event of parser.push(chunk)) yield event;
  }
}

/** The parser alone, for whoever reads the bytes. */
export class EventParser {
  readonly #decoder = new TextDecoder();
  readonly #lines: LineSplitter;
  readonly #fields: FieldCollector;

  constructor({ maxCharacters = DEFAULT_MAX_CHARACTERS, onComment }: ParseEventsOptions = {}) {
    this.#lines = new LineSplitter(maxCharacters);
    this.#fields = new FieldCollector(maxCharacters, onComment);
  }

  /**
   * Yields the events that these bytes complete, and tells of comments in order with them.
   *
   * @throws {ApiError} `node_failed` if a line or an event is longer than `maxCharacters`.
   */
  *push(chunk: Uint8Array): Generator<IncomingEvent, void, void> {
    for (const line of this.#lines.push(this.#decoder.decode(chunk, { stream: true }))) {
      const event = this.#fields.takeLine(line);
      if (event !== null) yield event;
    }
  }
}

async function* readChunks(stream: ByteStream): AsyncGenerator<Uint8Array, void, void> {
  const reader = stream.getReader();
  let isOpen = true;
  try {
    while (true) {
      const { done, value } = await reader.read();
      if (done) {
        isOpen = false;
        return;
      }
      if (value !== undefined) yield value;
    }
  } catch (error) {
    isOpen = false;
    throw error;
  } finally {
    if (isOpen) await reader.cancel();
  }
}

/** Cuts text at LF, CR and CRLF; a CRLF may arrive in two pieces. */
class LineSplitter {
  readonly #maxCharacters: number;
  /** The line begun by earlier pieces; holds no line end. */
  #begun = "";
  #endedWithCarriageReturn = false;

  constructor(maxCharacters: number) {
    this.#maxCharacters = maxCharacters;
  }

  *push(piece: string): Generator<string, void, void> {
    if (piece === "") return;
    let start = this.#endedWithCarriageReturn && piece.startsWith("\n") ? 1 : 0;
    this.#endedWithCarriageReturn = piece.endsWith("\r");
    const lineEnd = /\r\n|\r|\n/g;
    lineEnd.lastIndex = start;
    for (let end = lineEnd.exec(piece); end !== null; end = lineEnd.exec(piece)) {
      yield this.#extend(piece.slice(start, end.index));
      this.#begun = "";
      start = lineEnd.lastIndex;
    }
    this.#begun = this.#extend(piece.slice(start));
  }

  #extend(text: string): string {
    const line = this.#begun + text;
    if (line.length > this.#maxCharacters) throw tooLong("line");
    return line;
  }
}

/** Collects fields until an empty line ends the event. */
class FieldCollector {
  readonly #maxCharacters: number;
  readonly #onComment: ((text: string) => void) | undefined;
  #event = "";
  #id = "";
  #data: string[] = [];
  #dataCharacters = 0;

  constructor(maxCharacters: number, onComment: ((text: string) => void) | undefined) {
    this.#maxCharacters = maxCharacters;
    this.#onComment = onComment;
  }

  takeLine(line: string): IncomingEvent | null {
    if (line === "") return this.#finish();
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (name === "") this.#onComment?.(value);
    else if (name === "data") this.#addData(value);
    else if (name === "event") this.#event = value;
    else if (name === "id" && !value.includes("\0")) this.#id = value;
    return null;
  }

  #addData(line: string): void {
    this.#dataCharacters += line.length + 1;
    if (this.#dataCharacters > this.#maxCharacters + 1) throw tooLong("event");
    this.#data.push(line);
  }

  #finish(): IncomingEvent | null {
    const event = this.#event === "" ? "message" : this.#event;
    const data = this.#data;
    this.#event = "";
    this.#data = [];
    this.#dataCharacters = 0;
    return data.length === 0 ? null : { event, id: this.#id, data: data.join("\n") };
  }
}

function tooLong(what: "line" | "event"): ApiError {
  return new ApiError("node_failed", `The event stream has a ${what} that is too long.`);
}
