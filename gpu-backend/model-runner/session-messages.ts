import type { BatchAnswer } from "../canvas/candidate-choices.ts";
import type { CanvasBatch } from "../canvas/canvas-batch.ts";
import type { NetworkShape } from "./network.ts";
import type { SessionOptions } from "./onnx-session.ts";

/** What the session's thread is started with. */
export interface SessionWorkerData {
  /** Encoded ONNX model. */
  readonly graph: Uint8Array;
  readonly weightsFolder: string;
  readonly shape: NetworkShape;
  /** Most bytes of keys and values to keep for spans. */
  readonly maxContextBytes: number;
  readonly options: SessionOptions;
}

/** To the session's thread. */
export type SessionRequest =
  /** One forward pass; the batch's arrays are transferred. */
  | { readonly kind: "predict"; readonly id: number; readonly batch: CanvasBatch }
  /** Free the session and end; a pass under way is finished first, since it cannot be broken off. */
  | { readonly kind: "close" };

/**
 * From the session's thread. Failures carry our own sentence; the runtime's own is kept as `cause` only
 * where no request can be in it.
 */
export type SessionReply =
  | { readonly kind: "ready" }
  | { readonly kind: "load-failed"; readonly message: string; readonly cause: string }
  | { readonly kind: "answer"; readonly id: number; readonly answer: BatchAnswer }
  | { readonly kind: "predict-failed"; readonly id: number; readonly message: string };
