import { ApiError } from "#shared/contracts/errors.ts";
import type { NodeFrame } from "#shared/contracts/node-wire.ts";
import type { RelayedEvent } from "./chunk-stream.ts";

/**
 * Reads a node's events up to the last one, which holds the whole text.
 *
 * @throws {ApiError} `node_failed` if there is no such event, and what the reading throws.
 */
export async function readToEnd(
  events: AsyncIterable<RelayedEvent>,
): Promise<Extract<NodeFrame, { type: "done" }>> {
  for await (const event of events) {
    if (event.type === "frame" && event.frame.type === "done") return event.frame;
  }
  throw new ApiError("node_failed", "The node gave no answer.");
}
