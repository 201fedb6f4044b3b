import type { NodeModel } from "../../shared/contracts/node-wire.ts";
import { NODE_VERSION, type NodeHeartbeat } from "../../shared/contracts/pool.ts";

/** What an idle node at `url` says of itself, `changes` on top. */
export function createIdleHeartbeat(
  url: string,
  model: NodeModel,
  changes: Partial<NodeHeartbeat> = {},
): NodeHeartbeat {
  return {
    type: "heartbeat",
    node_id: url,
    url,
    sent_at: 0,
    version: NODE_VERSION,
    model,
    is_draining: false,
    max_batch_rows: 8,
    max_queue: 64,
    running_count: 0,
    waiting_count: 0,
    running_step_units: 0,
    queued_step_units: 0,
    step_units_per_second: 0,
    step_ms: 0,
    step_times: [],
    ...changes,
  };
}
