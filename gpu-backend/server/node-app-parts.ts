import type { Grant, PostedReceipt } from "#shared/contracts/node-wire.ts";
import type { Engine } from "../engine/engine.ts";
import type { Logger } from "../engine/logger.ts";
import type { NodeMetrics } from "./metrics.ts";
import type { ServedModel } from "./served-model.ts";

/** What the routes work with. */
export interface NodeAppParts {
  readonly engine: Engine;
  readonly model: ServedModel;
  /** Drains the node; may be called again. Nobody can order it over HTTP when left out. */
  readonly drain?: () => Promise<void>;
  /** What `/metrics` tells; there is no such path when left out. */
  readonly metrics?: NodeMetrics;
  /** Names this node in receipts. */
  readonly nodeId: string;
  /** Shared with the edge: verifies grants, signs receipts. */
  readonly grantSecret: string;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly logger: Logger;
  /** Longest silence on a stream. */
  readonly heartbeatIntervalMs: number;
  /** Keeps a receipt and posts it to the edge, which may have it from the stream too. */
  readonly postReceipt: (jobId: string, receipt: PostedReceipt) => Promise<void>;
  /** Bytes that may wait for one client that reads too slowly. */
  readonly maxUnsentBytes: number;
}

/** What one request carries from middleware to handler. */
export interface NodeEnv {
  Variables: {
    grant: Grant;
    /** The same as it was signed. */
    grantToken: string;
  };
}
