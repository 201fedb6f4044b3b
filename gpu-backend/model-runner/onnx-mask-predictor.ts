/**
 * The mask predictor on ONNX Runtime, seen from the engine's thread.
 *
 * Owns: the session's thread, and matching its replies with the calls that wait for them.
 * Does not own: the session (onnx-session.ts, in session-worker.ts), the graph (model/graph.ts).
 * Walk: step 9.
 */

import type { Worker } from "node:worker_threads";
import { ApiError } from "#shared/contracts/errors.ts";
import type { BatchAnswer } from "../canvas/candidate-choices.ts";
import type { CanvasBatch } from "../canvas/canvas-batch.ts";
import { type BatchLimits, checkBatch } from "./check-batch.ts";
import type { MaskPredictor } from "./mask-predictor.ts";
import type { SessionReply, SessionRequest } from "./session-messages.ts";

interface Call {
  readonly id: number;
  readonly batch: CanvasBatch;
  resolve(answer: BatchAnswer): void;
  reject(error: ApiError): void;
}

/** A session in a thread of its own, so that a forward pass never blocks the caller's. */
export class OnnxMaskPredictor implements MaskPredictor {
  readonly logitCount: number;
  readonly maxLength: number;
  readonly #worker: Worker;
  readonly #limits: BatchLimits;
  /** In order; the thread has the first one only, so that closing waits for no more than that. */
  readonly #calls: Call[] = [];
  readonly #ready = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<void>();
  #nextId = 0;
  /** Set once, when the thread is gone or going. */
  #failure: ApiError | null = null;

  /** @param worker A thread that runs session-worker.ts, just started; owned from here on. */
  constructor(worker: Worker, limits: BatchLimits) {
    this.logitCount = limits.tokenIdCount;
    this.maxLength = limits.maxLength;
    this.#limits = limits;
    this.#worker = worker;
    // A failure before anybody awaits it is kept for the calls to come.
    this.#ready.promise.catch(() => undefined);
    this.#worker.on("message", (reply: SessionReply) => this.#receive(reply));
    this.#worker.on("error", (cause) => this.#fail("The session's thread failed.", cause));
    this.#worker.on("exit", () => {
      this.#fail("The session's thread ended.");
      this.#ended.resolve();
    });
  }

  /** Set once the thread is gone or going; every later call is rejected with it. */
  get failure(): ApiError | null {
    return this.#failure;
  }

  /** Resolves once the network is loaded; rejects with `session_failed`. */
  ready(): Promise<void> {
    return this.#ready.promise;
  }

  async predict(batch: CanvasBatch): Promise<BatchAnswer> {
    checkBatch(batch, this.#limits);
    if (this.#failure !== null) {
      throw this.#failure;
    }
    if (batch.candidateIndexes.length === 0) {
      return { logits: new Float32Array(0), choices: null };
    }
    const { promise, resolve, reject } = Promise.withResolvers<BatchAnswer>();
    this.#calls.push({ id: this.#nextId, batch, resolve, reject });
    this.#nextId += 1;
    if (this.#calls.length === 1) {
      this.#sendFirst();
    }
    return await promise;
  }

  async close(): Promise<void> {
    this.#fail("The session is closed.");
    this.#post({ kind: "close" });
    await this.#ended.promise;
  }

  #sendFirst(): void {
    const call = this.#calls[0];
    if (call !== undefined) {
      // Copied, a few kilobytes: to transfer so many small arrays takes longer.
      this.#post({ kind: "predict", id: call.id, batch: call.batch });
    }
  }

  #post(request: SessionRequest): void {
    this.#worker.postMessage(request);
  }

  #receive(reply: SessionReply): void {
    switch (reply.kind) {
      case "ready":
        this.#ready.resolve();
        break;
      case "load-failed":
        this.#fail(reply.message, reply.cause);
        break;
      case "answer":
        this.#finish(reply.id)?.resolve(reply.answer);
        break;
      case "predict-failed":
        this.#finish(reply.id)?.reject(new ApiError("session_failed", reply.message));
        break;
    }
  }

  /** Takes the first call, which the thread has answered, and sends the next. */
  #finish(id: number): Call | undefined {
    if (this.#calls[0]?.id !== id) {
      return undefined;
    }
    const call = this.#calls.shift();
    this.#sendFirst();
    return call;
  }

  #fail(message: string, cause?: unknown): void {
    this.#failure ??= new ApiError("session_failed", message, { cause });
    this.#ready.reject(this.#failure);
    for (const call of this.#calls.splice(0)) {
      call.reject(this.#failure);
    }
  }
}
