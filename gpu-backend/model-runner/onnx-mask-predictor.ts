/**
 * The mask predictor on ONNX Runtime, seen from the engine's thread.
 *
 * Owns: the session's thread, and matching its replies with the calls that wait for them.
 * Does not own: the session (onnx-session.ts, in session-worker.ts), the graph (model/graph.ts).
 * Walk: step 9.
 */

import { Worker } from "node:worker_threads";
import { ApiError } from "#shared/contracts/errors.ts";
import type { CanvasBatch } from "../canvas/canvas-batch.ts";
import { type BatchLimits, checkBatch } from "./check-batch.ts";
import type { MaskPredictor } from "./mask-predictor.ts";
import type { PredictMessage, SessionReply, SessionWorkerData } from "./session-messages.ts";

interface PendingCall {
  resolve(logits: Float32Array): void;
  reject(error: ApiError): void;
}

/** A session in a thread of its own, so that a forward pass never blocks the caller's. */
export class OnnxMaskPredictor implements MaskPredictor {
  readonly logitCount: number;
  readonly maxLength: number;
  readonly #worker: Worker;
  readonly #limits: BatchLimits;
  readonly #pending = new Map<number, PendingCall>();
  readonly #ready = Promise.withResolvers<void>();
  #nextId = 0;
  /** Set once, when the thread is gone or going. */
  #failure: ApiError | null = null;

  /** Starts the thread; await {@link ready} before the first prediction. */
  constructor(data: SessionWorkerData, limits: BatchLimits) {
    this.logitCount = limits.tokenIdCount;
    this.maxLength = limits.maxLength;
    this.#limits = limits;
    this.#worker = new Worker(new URL("./session-worker.ts", import.meta.url), {
      workerData: data,
    });
    this.#worker.on("message", (reply: SessionReply) => this.#receive(reply));
    this.#worker.on("error", () => this.#fail("The session's thread failed."));
    this.#worker.on("exit", () => this.#fail("The session's thread ended."));
  }

  /** Resolves once the network is loaded; rejects with `session_failed`. */
  ready(): Promise<void> {
    return this.#ready.promise;
  }

  async predict(batch: CanvasBatch): Promise<Float32Array> {
    checkBatch(batch, this.#limits);
    if (this.#failure !== null) {
      throw this.#failure;
    }
    if (batch.candidateIndexes.length === 0) {
      return new Float32Array(0);
    }
    const id = this.#nextId;
    this.#nextId += 1;
    const call = Promise.withResolvers<Float32Array>();
    this.#pending.set(id, call);
    this.#post({ id, batch: copyBatch(batch) });
    return await call.promise;
  }

  async close(): Promise<void> {
    this.#fail("The session is closed.");
    await this.#worker.terminate();
  }

  #post(message: PredictMessage): void {
    const { tokenIds, attended, candidateIndexes } = message.batch;
    const transfer = [tokenIds, attended, candidateIndexes].map((array) => array.buffer);
    this.#worker.postMessage(message, transfer as ArrayBuffer[]);
  }

  #receive(reply: SessionReply): void {
    switch (reply.kind) {
      case "ready":
        this.#ready.resolve();
        break;
      case "load-failed":
        this.#fail(reply.message);
        break;
      case "logits":
        this.#take(reply.id)?.resolve(reply.logits);
        break;
      case "predict-failed":
        this.#take(reply.id)?.reject(new ApiError("session_failed", reply.message));
        break;
    }
  }

  #take(id: number): PendingCall | undefined {
    const call = this.#pending.get(id);
    this.#pending.delete(id);
    return call;
  }

  #fail(message: string): void {
    this.#failure ??= new ApiError("session_failed", message);
    this.#ready.reject(this.#failure);
    for (const call of this.#pending.values()) {
      call.reject(this.#failure);
    }
    this.#pending.clear();
  }
}

/** The caller keeps its arrays; the copies, a few kilobytes, are transferred. */
function copyBatch(batch: CanvasBatch): CanvasBatch {
  return {
    rowCount: batch.rowCount,
    length: batch.length,
    tokenIds: batch.tokenIds.slice(),
    attended: batch.attended.slice(),
    candidateIndexes: batch.candidateIndexes.slice(),
  };
}
