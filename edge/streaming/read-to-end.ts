import { ApiError } from "#shared/contracts/errors.ts";
import type { AnswerEvent, RelayedEvent } from "./chunk-stream.ts";

/**
 * Reads a generation's events up to the last one, which holds the whole text.
 *
 * @throws {ApiError} `node_failed` if there is no such event, and what the reading throws.
 */
export async function readToEnd(events: AsyncIterable<RelayedEvent>): Promise<AnswerEvent> {
  for await (const event of events) {
    if (event.type === "answer") return event;
  }
  throw new ApiError("node_failed", "The node gave no answer.");
}
