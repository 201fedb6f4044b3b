/**
 * A generation's events as the body of a streamed response.
 *
 * Owns: framing, errors after the stream began, what happens when the client leaves.
 * Does not own: the chunks' words (openai-skin.ts), or the node (edge/pool).
 */
import { toApiError, toErrorBody } from "#shared/contracts/error-body.ts";
import type { ApiError } from "#shared/contracts/errors.ts";
import type { FilledHole, Score } from "#shared/contracts/node-wire.ts";
import type { FinishReason, Usage } from "#shared/contracts/openai-answers.ts";
import { encodeComment, encodeEvent } from "#shared/event-stream/encode-event.ts";

/** The end of a generation: its whole text and its bill. */
export interface AnswerEvent {
  readonly type: "answer";
  readonly text: string;
  /** Of a template, in its order. */
  readonly holes?: readonly FilledHole[];
  /** Of scored answers, in their order. */
  readonly scores?: readonly Score[];
  readonly finishReason: FinishReason;
  readonly usage: Usage;
}

/** One thing to tell a client, in order. */
export type RelayedEvent =
  /** Text that became final; empty when the generation moved on without any. */
  | { readonly type: "text"; readonly text: string }
  | AnswerEvent
  | { readonly type: "comment"; readonly text: string };

/** What becomes a chunk. */
export type ToldEvent = Exclude<RelayedEvent, { type: "comment" }>;

/** What a stream is made of. */
export interface ChunkStreamOptions {
  readonly events: AsyncIterator<RelayedEvent, void, void>;
  /** The chunks that say an event. */
  readonly toChunks: (event: ToldEvent) => readonly unknown[];
  readonly requestId: string;
  /** Told when the last byte was queued, whether the answer is whole or not. */
  readonly onEnd: () => void;
  /** Told when the client leaves before that. */
  readonly onCancel: () => void;
  /** Told of an error that the client was told of within the stream. */
  readonly onError: (error: ApiError, thrown: unknown) => void;
}

/**
 * The stream: an event per chunk, comments as they come and for each event without a chunk, `[DONE]`
 * at the end. An error becomes an event with `error` in it and no `[DONE]` after it: an answer that
 * broke off does not look whole.
 * Reads the node only as fast as the client reads.
 */
export function createChunkStream(options: ChunkStreamOptions): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let isCancelled = false;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const piece = await nextPiece(options);
      if (isCancelled) return;
      controller.enqueue(encoder.encode(piece.text));
      if (!piece.isLast) return;
      controller.close();
      options.onEnd();
    },
    cancel() {
      isCancelled = true;
      options.onCancel();
    },
  });
}

/** The next text to send; never empty, since `pull` is called again only for text. */
async function nextPiece(options: ChunkStreamOptions): Promise<{ text: string; isLast: boolean }> {
  try {
    const next = await options.events.next();
    if (next.done) return { text: encodeEvent({ data: "[DONE]" }), isLast: true };
    return { text: encodeRelayed(next.value, options), isLast: false };
  } catch (thrown) {
    const error = toApiError(thrown);
    options.onError(error, thrown);
    const data = JSON.stringify(toErrorBody(error, options.requestId));
    return { text: encodeEvent({ data }), isLast: true };
  }
}

function encodeRelayed(event: RelayedEvent, { toChunks }: ChunkStreamOptions): string {
  if (event.type === "comment") return encodeComment(event.text);
  const chunks = toChunks(event).map((chunk) => encodeEvent({ data: JSON.stringify(chunk) }));
  // Only what is written finds out that the client has left, and text may be long in coming.
  return chunks.length === 0 ? encodeComment("working") : chunks.join("");
}
