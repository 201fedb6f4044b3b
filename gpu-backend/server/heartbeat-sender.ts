/**
 * What a node tells the edge of itself, again and again: that it is there, and how busy it is.
 *
 * Owns: when it is told, and its words. Does not own: what the node does (engine/), who hears it
 * (edge/pool).
 */
import type { NodeModel } from "#shared/contracts/node-wire.ts";
import {
  MAX_STEP_TIMES,
  NODE_HEARTBEAT_INTERVAL_MS,
  NODE_VERSION,
  type NodeHeartbeat,
  type PostedHeartbeat,
} from "#shared/contracts/pool.ts";
import { signToken } from "#shared/contracts/signed-token.ts";
import type { Engine } from "../engine/engine.ts";
import type { Logger } from "../engine/logger.ts";

/** A heartbeat that takes longer is given up: the next one says more. */
const SEND_TIMEOUT_MS = 2 * NODE_HEARTBEAT_INTERVAL_MS;

/** What a sender is made of. */
export interface HeartbeatSenderOptions {
  /** The edge's `/internal/nodes/heartbeat`. */
  readonly url: string;
  readonly grantSecret: string;
  /** What is to be said now. */
  readonly read: () => NodeHeartbeat;
  /** The part of `fetch` that is used here. */
  readonly post: (url: string, init: RequestInit) => Promise<Response>;
  readonly logger: Logger;
}

/** What does not change while a node lives. */
export interface NodeIdentity {
  readonly nodeId: string;
  /** Where the edge reaches it. */
  readonly url: string;
  readonly maxBatchRows: number;
  readonly maxQueue: number;
  readonly model: NodeModel;
}

/** What a node says of itself now. */
export function toHeartbeat(
  { nodeId, url, maxBatchRows, maxQueue, model }: NodeIdentity,
  { load, isDraining }: Pick<Engine, "load" | "isDraining">,
  nowMs: number,
): NodeHeartbeat {
  const stepTimes = [...load.stepMsByShape].slice(-MAX_STEP_TIMES);
  return {
    type: "heartbeat",
    node_id: nodeId,
    url,
    sent_at: nowMs,
    version: NODE_VERSION,
    model,
    is_draining: isDraining,
    max_batch_rows: maxBatchRows,
    max_queue: maxQueue,
    running_count: load.runningCount,
    waiting_count: load.waitingCount,
    running_step_units: load.runningStepUnits,
    queued_step_units: load.waitingStepUnits,
    step_units_per_second: load.stepUnitsPerSecond,
    step_ms: load.stepMs,
    step_times: stepTimes.map(([shape, stepMs]) => ({ shape, step_ms: stepMs })),
  };
}

/** Tells the edge from the beginning until it is stopped. Never rejects: the edge may come later. */
export class HeartbeatSender {
  readonly #options: HeartbeatSenderOptions;
  readonly #timer: NodeJS.Timeout;
  #isSending = false;
  #isHeard = true;

  constructor(options: HeartbeatSenderOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.send(), NODE_HEARTBEAT_INTERVAL_MS);
    void this.send();
  }

  /** Tells it now: what has changed should not wait. */
  async send(): Promise<void> {
    const { url, grantSecret, read, post, logger } = this.#options;
    if (this.#isSending) return;
    this.#isSending = true;
    try {
      const body: PostedHeartbeat = { heartbeat: await signToken(read(), grantSecret) };
      const response = await post(url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(SEND_TIMEOUT_MS),
      });
      await response.body?.cancel();
      this.#note(response.ok, response.status, logger);
    } catch {
      this.#note(false, 0, logger);
    } finally {
      this.#isSending = false;
    }
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Logs the first failure and the first success after it, not each. */
  #note(isHeard: boolean, status: number, logger: Logger): void {
    if (isHeard === this.#isHeard) return;
    this.#isHeard = isHeard;
    if (isHeard) logger.info("heartbeat_heard");
    else logger.error("heartbeat_not_heard", { status });
  }
}
