/** Entry of the thread that a session blocks: loads the graph, then answers batches in order. */

import { parentPort, workerData } from "node:worker_threads";
import type { CanvasBatch } from "../canvas/canvas-batch.ts";
import { Network } from "./network.ts";
import { createOnnxSession, type OnnxSession } from "./onnx-session.ts";
import type { SessionReply, SessionRequest, SessionWorkerData } from "./session-messages.ts";

function reply(message: SessionReply, transfer: ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, transfer);
}

async function answer(network: Network, id: number, batch: CanvasBatch): Promise<void> {
  try {
    const prediction = await network.predict(batch);
    // Logits are megabytes; choices are copied sooner than transferred.
    const buffer = prediction.logits.buffer as ArrayBuffer;
    reply({ kind: "answer", id, answer: prediction }, buffer.byteLength > 0 ? [buffer] : []);
  } catch (error) {
    reply({ kind: "predict-failed", id, message: messageOf(error) });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : "The session failed.";
}

function receive(session: OnnxSession, network: Network, request: SessionRequest): void {
  if (request.kind === "close") {
    // Without its port the thread has nothing left to wait for, and ends.
    parentPort?.close();
    void session.release();
  } else {
    void answer(network, request.id, request.batch);
  }
}

async function main(): Promise<void> {
  const { graph, weightsFolder, options, shape, maxContextBytes } = workerData as SessionWorkerData;
  try {
    const session = await createOnnxSession(graph, weightsFolder, options);
    const network = new Network(session, shape, maxContextBytes);
    parentPort?.on("message", (request: SessionRequest) => receive(session, network, request));
    reply({ kind: "ready" });
  } catch (error) {
    const cause = error instanceof Error ? String(error.cause ?? error) : "";
    reply({ kind: "load-failed", message: messageOf(error), cause });
  }
}

await main();
