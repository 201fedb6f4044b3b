/** A running generation as a response in OpenAI's words: whole, or streamed. */
import type { AppContext } from "../environment.ts";
import { createChunkStream } from "../streaming/chunk-stream.ts";
import {
  type AnswerHead,
  createChunker,
  type OpenAiSkin,
  toAnswerHead,
} from "../streaming/openai-skin.ts";
import { readToEnd } from "../streaming/read-to-end.ts";
import type { RunningGeneration } from "./running-generation.ts";

/**
 * Waits for the whole text and answers it.
 *
 * @throws {ApiError} the node's own code, or `node_failed`.
 */
export async function answerWhole(
  context: AppContext,
  generation: RunningGeneration,
  skin: OpenAiSkin,
): Promise<Response> {
  const head = headOf(generation, skin);
  try {
    const { text, finishReason, usage } = await readToEnd(generation.events);
    return context.json(skin.toAnswer(head, text, finishReason, usage));
  } finally {
    generation.finish();
  }
}

/** Answers with a stream; what goes wrong from here on is told inside it. */
export function answerStreamed(
  context: AppContext,
  generation: RunningGeneration,
  skin: OpenAiSkin,
  hasBill: boolean,
): Response {
  const { requestId, platform } = context.var;
  const stream = createChunkStream({
    events: generation.events,
    toChunks: createChunker(skin, headOf(generation, skin), hasBill),
    requestId,
    onEnd: generation.finish,
    onCancel: generation.abandon,
    onError: (error, thrown) => {
      if (error.status < 500 || generation.isAbandoned()) return;
      platform.reportFault({ requestId, error, thrown });
    },
  });
  return answerEvents(context, stream);
}

/** Answers with server-sent events as they come. */
export function answerEvents(context: AppContext, stream: ReadableStream<Uint8Array>): Response {
  context.header("content-type", "text/event-stream; charset=utf-8");
  // Nothing on the way may keep, compress or hold back the stream.
  context.header("content-encoding", "identity");
  context.header("x-accel-buffering", "no");
  return context.body(stream);
}

function headOf({ id, model, createdAt }: RunningGeneration, skin: OpenAiSkin): AnswerHead {
  return toAnswerHead(skin, id.slice("gen_".length), createdAt, model);
}
