/**
 * A generation in OpenAI's words, for each of the two completion endpoints.
 *
 * Owns: which object, which choice, which chunk says what. Pure.
 * Does not own: reading a node's stream, or writing a response (chunk-stream.ts).
 */
import type { NodeFrame, NodeModel, Receipt } from "#shared/contracts/node-wire.ts";
import {
  type ChatCompletion,
  type ChatCompletionChunk,
  type Completion,
  type CompletionChunk,
  type FinishReason,
  toUsage,
} from "#shared/contracts/openai-answers.ts";

/** What every object of one answer has in common. */
export interface AnswerHead {
  readonly id: string;
  /** Epoch seconds. */
  readonly created: number;
  readonly model: string;
  readonly system_fingerprint: string;
}

/** How an endpoint words an answer. */
export interface OpenAiSkin {
  /** First part of the answer's id. */
  readonly idPrefix: "chatcmpl" | "cmpl";
  /** The whole answer at once. */
  toAnswer(
    head: AnswerHead,
    text: string,
    reason: FinishReason,
    receipt: Receipt,
  ): ChatCompletion | Completion;
  /** The chunk before any text, if there is one. */
  toOpening(head: AnswerHead): Chunk | null;
  /** A chunk that adds text. */
  toDelta(head: AnswerHead, text: string): Chunk;
  /** The chunk that says why the text ends. */
  toEnd(head: AnswerHead, reason: FinishReason): Chunk;
  /** The chunk with the bill and no choice. */
  toBill(head: AnswerHead, receipt: Receipt): Chunk;
}

/** One event of a stream. */
export type Chunk = ChatCompletionChunk | CompletionChunk;

/** The words of `POST /v1/chat/completions`. */
export const chatSkin: OpenAiSkin = {
  idPrefix: "chatcmpl",
  toAnswer: (head, text, reason, receipt) => ({
    ...head,
    object: "chat.completion",
    choices: [
      {
        index: 0,
        message: { role: "assistant", content: text, refusal: null },
        logprobs: null,
        finish_reason: reason,
      },
    ],
    usage: toUsage(receipt),
  }),
  toOpening: (head) => toChatChunk(head, { role: "assistant", content: "" }, null),
  toDelta: (head, text) => toChatChunk(head, { content: text }, null),
  toEnd: (head, reason) => toChatChunk(head, {}, reason),
  toBill: (head, receipt) => ({
    ...head,
    object: "chat.completion.chunk",
    choices: [],
    usage: toUsage(receipt),
  }),
};

/** The words of `POST /v1/completions`. */
export const completionSkin: OpenAiSkin = {
  idPrefix: "cmpl",
  toAnswer: (head, text, reason, receipt) => ({
    ...head,
    object: "text_completion",
    choices: [{ index: 0, text, logprobs: null, finish_reason: reason }],
    usage: toUsage(receipt),
  }),
  toOpening: () => null,
  toDelta: (head, text) => toCompletionChunk(head, text, null),
  toEnd: (head, reason) => toCompletionChunk(head, "", reason),
  toBill: (head, receipt) => ({
    ...head,
    object: "text_completion",
    choices: [],
    usage: toUsage(receipt),
  }),
};

/** Builds an answer's head. `tail` is the random part of the generation's own id. */
export function toAnswerHead(
  skin: OpenAiSkin,
  tail: string,
  nowMs: number,
  model: NodeModel,
): AnswerHead {
  return {
    id: `${skin.idPrefix}-${tail}`,
    created: Math.floor(nowMs / 1000),
    model: model.id,
    system_fingerprint: `fp_${model.weights_digest.slice(0, 12)}`,
  };
}

/**
 * Gives a function that says each of a node's frames, in order, in chunks.
 *
 * @param hasBill True adds the bill at the end and, as OpenAI does, `usage: null` to the rest.
 */
export function createChunker(
  skin: OpenAiSkin,
  head: AnswerHead,
  hasBill: boolean,
): (frame: NodeFrame) => Chunk[] {
  let isOpen = false;
  return (frame) => {
    const opening = isOpen ? null : skin.toOpening(head);
    isOpen = true;
    const chunks = [...(opening === null ? [] : [opening]), ...toChunks(skin, head, frame)];
    if (!hasBill) return chunks;
    const unbilled = chunks.map((chunk) => ({ ...chunk, usage: null }));
    return frame.type === "done" ? [...unbilled, skin.toBill(head, frame.receipt)] : unbilled;
  };
}

function toChunks(skin: OpenAiSkin, head: AnswerHead, frame: NodeFrame): Chunk[] {
  if (frame.type === "done") return [skin.toEnd(head, frame.finish_reason)];
  if (frame.type === "step" && frame.text_delta !== "")
    return [skin.toDelta(head, frame.text_delta)];
  return [];
}

function toChatChunk(
  head: AnswerHead,
  delta: ChatCompletionChunk["choices"][number]["delta"],
  reason: FinishReason | null,
): ChatCompletionChunk {
  const choice = { index: 0 as const, delta, logprobs: null, finish_reason: reason };
  return { ...head, object: "chat.completion.chunk", choices: [choice] };
}

function toCompletionChunk(
  head: AnswerHead,
  text: string,
  reason: FinishReason | null,
): CompletionChunk {
  const choice = { index: 0 as const, text, logprobs: null, finish_reason: reason };
  return { ...head, object: "text_completion", choices: [choice] };
}
