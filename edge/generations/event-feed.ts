/**
 * One generation's events for any number of readers, each from where it likes and as fast as it reads.
 *
 * Owns: waking readers, knowing whether there are any. Does not own: the events (generation-store.ts).
 */
import { encodeComment, encodeEvent } from "#shared/event-stream/encode-event.ts";
import type { StoredEvent } from "./generation-store.ts";

/** Where a feed's events come from. */
export interface FeedSource {
  /** Events after a number, oldest first. */
  read(after: number): StoredEvent[];
  /** True after the last event. */
  isEnded(): boolean;
}

const encoder = new TextEncoder();

/** Hands events on. */
export class EventFeed {
  readonly #source: FeedSource;
  readonly #readers = new Set<Reader>();
  readonly #onLastLeft: () => void;

  /** @param onLastLeft Told whenever the last of the readers has left. */
  constructor(source: FeedSource, onLastLeft: () => void) {
    this.#source = source;
    this.#onLastLeft = onLastLeft;
  }

  /** True while somebody reads. */
  get hasReaders(): boolean {
    return this.#readers.size > 0;
  }

  /** Says that there is an event more. */
  wake(): void {
    for (const reader of this.#readers) reader.wake();
  }

  /** Tells everybody who has nothing else to read: only what is written finds out that a client has left. */
  comment(text: string): void {
    for (const reader of this.#readers) reader.comment(text);
  }

  /** Breaks every reader's stream: each may come back and read on. */
  abort(reason: unknown): void {
    for (const reader of this.#readers) reader.abort(reason);
  }

  /** The events after a number, as server-sent events; ends after the last one. */
  open(after: number): ReadableStream<Uint8Array> {
    const reader = new Reader(this.#source, after);
    this.#readers.add(reader);
    const leave = () => {
      if (this.#readers.delete(reader) && this.#readers.size === 0) this.#onLastLeft();
    };
    return new ReadableStream({
      type: "bytes",
      async pull(controller) {
        const text = await reader.next();
        if (text === null) {
          leave();
          controller.close();
          controller.byobRequest?.respond(0);
        } else {
          controller.enqueue(encoder.encode(text));
        }
      },
      cancel: leave,
    });
  }
}

/** Somebody who reads. */
class Reader {
  readonly #source: FeedSource;
  #after: number;
  #comment: string | null = null;
  #woken = Promise.withResolvers<void>();

  constructor(source: FeedSource, after: number) {
    this.#source = source;
    this.#after = after;
  }

  wake(): void {
    this.#woken.resolve();
  }

  comment(text: string): void {
    this.#comment = text;
    this.wake();
  }

  abort(reason: unknown): void {
    this.#woken.reject(reason);
  }

  /** What is to be written next; `null` after the last event. */
  async next(): Promise<string | null> {
    for (;;) {
      // Before the look: what comes after it wakes this.
      this.#woken = Promise.withResolvers<void>();
      const events = this.#source.read(this.#after);
      this.#after = events.at(-1)?.sequence ?? this.#after;
      const comment = this.#comment;
      this.#comment = null;
      if (events.length > 0) return events.map(encodeStored).join("");
      if (this.#source.isEnded()) return null;
      if (comment !== null) return encodeComment(comment);
      await this.#woken.promise;
    }
  }
}

function encodeStored({ sequence, type, data }: StoredEvent): string {
  return encodeEvent({ event: type, id: String(sequence), data });
}
