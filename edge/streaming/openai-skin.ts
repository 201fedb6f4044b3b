/**
 * A generation in OpenAI's words, for each of the two completion endpoints.
 *
 * Owns: which object, which choice, which chunk says what. Pure.
 * Does not own: reading a node's stream, or writing a response (chunk-stream.ts).
 */
import type { NodeModel } from "#shared/contracts/node-wire.ts";
import type {
  ChatCompletion,
  ChatCompletionChunk,
  Completion,
  CompletionChunk,
  FinishReason,
  Usage,
} from "#shared/contracts/openai-answers.ts";
import type { ToldEvent } from "./chunk-stream.ts";

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
    usage: Usage,
  ): ChatCompletion | Completion;
  /** The chunk before any text, if there is one. */
  toOpening(head: AnswerHead): Chunk | null;
  /** A chunk that adds text. */
  toDelta(head: AnswerHead, text: string): Chunk;
  /** The chunk that says why the text ends. */
  toEnd(head: AnswerHead, reason: FinishReason): Chunk;
  /** The chunk with the bill and no choice. */
  toBill(head: AnswerHead, usage: Usage): Chunk;
}

/** One event of a stream. */
export type Chunk = ChatCompletionChunk | CompletionChunk;

/** The words of `POST /v1/chat/completions`. */
export const chatSkin: OpenAiSkin = {
  idPrefix: "chatcmpl",
  toAnswer: (head, text, reason, usage) => ({
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
    usage,
  }),
  toOpening: (head) => toChatChunk(head, { role: "assistant", content: "" }, null),
  toDelta: (head, text) => toChatChunk(head, { content: text }, null),
  toEnd: (head, reason) => toChatChunk(head, {}, reason),
  toBill: (head, usage) => ({
    ...head,
    object: "chat.completion.chunk",
    choices: [],
    usage,
  }),
};

/** The words of `POST /v1/completions`. */
export const completionSkin: OpenAiSkin = {
  idPrefix: "cmpl",
  toAnswer: (head, text, reason, usage) => ({
    ...head,
    object: "text_completion",
    choices: [{ index: 0, text, logprobs: null, finish_reason: reason }],
    usage,
  }),
  toOpening: () => null,
  toDelta: (head, text) => toCompletionChunk(head, text, null),
  toEnd: (head, reason) => toCompletionChunk(head, "", reason),
  toBill: (head, usage) => ({
    ...head,
    object: "text_completion",
    choices: [],
    usage,
  }),
};

/** The same words with the prompt before the text. */
export function withEcho(skin: OpenAiSkin, prompt: string): OpenAiSkin {
  return {
    ...skin,
    toAnswer: (head, text, reason, usage) => skin.toAnswer(head, prompt + text, reason, usage),
    toOpening: (head) => skin.toDelta(head, prompt),
  };
}

/** Builds an answer's head. `tail` is the random part of the generation's own id. */
export function toAnswerHead(
  skin: OpenAiSkin,
  tail: string,
  nowMs: number,
  model: Pick<NodeModel, "id" | "weights_digest">,
): AnswerHead {
  return {
    id: `${skin.idPrefix}-${tail}`,
    created: Math.floor(nowMs / 1000),
    model: model.id,
    system_fingerprint: `fp_${model.weights_digest.slice(0, 12)}`,
  };
}

/**
 * Gives a function that says each of a generation's events, in order, in chunks.
 *
 * @param hasBill True adds the bill at the end and, as OpenAI does, `usage: null` to the rest.
 */
export function createChunker(
  skin: OpenAiSkin,
  head: AnswerHead,
  hasBill: boolean,
): (event: ToldEvent) => Chunk[] {
  let isOpen = false;
  return (event) => {
    const opening = isOpen ? null : skin.toOpening(head);
    isOpen = true;
    const chunks = [...(opening === null ? [] : [opening]), ...toChunks(skin, head, event)];
    if (!hasBill) return chunks;
    const unbilled = chunks.map((chunk) => ({ ...chunk, usage: null }));
    return event.type === "answer" ? [...unbilled, skin.toBill(head, event.usage)] : unbilled;
  };
}

function toChunks(skin: OpenAiSkin, head: AnswerHead, event: ToldEvent): Chunk[] {
  if (event.type === "answer") return [skin.toEnd(head, event.finishReason)];
  return event.text === "" ? [] : [skin.toDelta(head, event.text)];
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
