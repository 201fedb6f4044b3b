/** Entry of the thread that a session blocks: loads the graph, then answers batches in order. */

import { parentPort, workerData } from "node:worker_threads";
import type { CanvasBatch } from "../canvas/canvas-batch.ts";
import { FULL_GRAPH_NAMES } from "../model/graph.ts";
import { createOnnxSession, type InputTensor, type OnnxSession } from "./onnx-session.ts";
import type { SessionReply, SessionRequest, SessionWorkerData } from "./session-messages.ts";

function reply(message: SessionReply, transfer: ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, transfer);
}

function toInputs(batch: CanvasBatch): Record<string, InputTensor> {
  const shape = [batch.rowCount, batch.length];
  return {
    [FULL_GRAPH_NAMES.tokenIds]: { type: "int32", shape, data: batch.tokenIds },
    [FULL_GRAPH_NAMES.attended]: { type: "bool", shape, data: batch.attended },
    [FULL_GRAPH_NAMES.candidateIndexes]: {
      type: "int32",
      shape: [batch.candidateIndexes.length],
      data: batch.candidateIndexes,
    },
  };
}

async function answer(session: OnnxSession, id: number, batch: CanvasBatch): Promise<void> {
  try {
    const logits = await session.run(toInputs(batch), FULL_GRAPH_NAMES.logits);
    reply({ kind: "logits", id, logits }, [logits.buffer as ArrayBuffer]);
  } catch (error) {
    reply({ kind: "predict-failed", id, message: messageOf(error) });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : "The session failed.";
}

function receive(session: OnnxSession, request: SessionRequest): void {
  if (request.kind === "close") {
    // Without its port the thread has nothing left to wait for, and ends.
    parentPort?.close();
    void session.release();
  } else {
    void answer(session, request.id, request.batch);
  }
}

async function main(): Promise<void> {
  const { graph, weightsFolder, options } = workerData as SessionWorkerData;
  try {
    const session = await createOnnxSession(graph, weightsFolder, options);
    parentPort?.on("message", (request: SessionRequest) => receive(session, request));
    reply({ kind: "ready" });
  } catch (error) {
    const cause = error instanceof Error ? String(error.cause ?? error) : "";
    reply({ kind: "load-failed", message: messageOf(error), cause });
  }
}

await main();
