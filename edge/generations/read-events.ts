/** A generation's object as somebody who reads it hears it. */
import { ApiError, ERROR_RULES } from "#shared/contracts/errors.ts";
import {
  type Generation,
  type GenerationEvent,
  generationEventSchema,
} from "#shared/contracts/generation-events.ts";
import { parseEvents } from "#shared/event-stream/parse-events.ts";
import type { RelayedEvent } from "../streaming/chunk-stream.ts";

/** Reads the events of a stream; leaving the loop early says that nobody reads any more. */
export async function* readEvents(
  stream: ReadableStream<Uint8Array>,
): AsyncGenerator<GenerationEvent, void, void> {
  for await (const { data } of parseEvents(stream)) {
    yield generationEventSchema.parse(JSON.parse(data));
  }
}

/**
 * Reads up to the last event.
 *
 * @param signal Aborted when nobody waits any more.
 * @returns A generation that was completed or cancelled.
 * @throws {ApiError} why it failed; `cancelled` when `signal` was aborted.
 */
export async function readGeneration(
  stream: ReadableStream<Uint8Array>,
  signal: AbortSignal,
): Promise<Generation> {
  const events = readEvents(stream);
  for await (const event of events) {
    if (signal.aborted) throw new ApiError("cancelled", "The client has left.");
    if (event.type !== "done" && event.type !== "error") continue;
    if (event.generation.status === "failed") throw toError(event.generation);
    return event.generation;
  }
  throw new ApiError("node_failed", "The generation broke off.");
}

/**
 * The events as OpenAI's words are made of them, heartbeats where no text has come.
 *
 * @throws {ApiError} why it failed or was cancelled.
 */
export async function* relayEvents(
  stream: ReadableStream<Uint8Array>,
): AsyncGenerator<RelayedEvent, void, void> {
  for await (const event of readEvents(stream)) {
    if (event.type === "error") throw toError(event.generation);
    if (event.type !== "done") {
      yield { type: "text", text: event.type === "step" ? event.text_delta : "" };
      continue;
    }
    const { text, finish_reason: finishReason, usage } = event.generation;
    if (finishReason === null || usage === null) throw toError(event.generation);
    yield { type: "answer", text, finishReason, usage };
  }
}

function toError({ error }: Generation): ApiError {
  if (error === null) return new ApiError("node_failed", "The generation broke off.");
  const { code, message, param } = error;
  const isRetryable = ERROR_RULES[code].isRetryable;
  return new ApiError(code, message, { param, ...(isRetryable ? { retryAfterSeconds: 1 } : {}) });
}
