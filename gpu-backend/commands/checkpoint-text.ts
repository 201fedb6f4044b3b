/**
 * Text in and out of the commands: a checkpoint's tokenizer and chat template.
 *
 * Owns: when they are needed, the special ids that hold by default, and where an answer ends.
 * Does not own: either of them (model/).
 */

import { ApiError } from "#shared/contracts/errors.ts";
import { type ChatTemplate, loadChatTemplate } from "../model/chat-template.ts";
import type { Checkpoint } from "../model/checkpoint.ts";
import { loadTokenizer, type Tokenizer } from "../model/tokenizer.ts";
import type { ReverseProcess } from "../sampler/reverse-process.ts";
import type { SpecialTokens } from "../sampler/sampling-settings.ts";
import type { SamplePrompt } from "./sample-request.ts";

/** What requests are checked against. */
export interface TextModel {
  /** Most columns of a canvas. */
  readonly maxLength: number;
  /** Columns of the logits; every id is below it. */
  readonly logitCount: number;
  /** The ids that hold when the request names none. */
  readonly specialTokens: SpecialTokens;
}

/** How a checkpoint reads and writes. */
export interface CheckpointText {
  readonly tokenizer: Tokenizer;
  readonly chatTemplate: ChatTemplate;
}

/**
 * Loads a checkpoint's tokenizer and chat template.
 *
 * @param isRequired False for a request in ids, which does without.
 * @returns Null where the checkpoint has none and does not need them.
 * @throws {ApiError} `checkpoint_not_found` if they are required and absent; `checkpoint_corrupt`.
 */
export async function loadText(
  checkpoint: Checkpoint,
  isRequired: boolean,
): Promise<CheckpointText | null> {
  try {
    const tokenizer = await loadTokenizer(checkpoint.directory, checkpoint.config);
    return { tokenizer, chatTemplate: await loadChatTemplate(checkpoint.directory, tokenizer) };
  } catch (error) {
    const isAbsent = error instanceof ApiError && error.code === "checkpoint_not_found";
    if (isAbsent && !isRequired) return null;
    throw error;
  }
}

/** A checkpoint as requests meet it. */
export function describeModel({ config }: Checkpoint, text: CheckpointText | null): TextModel {
  return {
    maxLength: config.maxSequenceLength,
    logitCount: config.embeddingSize,
    specialTokens: {
      maskTokenId: config.maskTokenId,
      endOfTextTokenId: config.eosTokenId,
      endOfTurnTokenId: text?.tokenizer.specialIds.eot ?? null,
    },
  };
}

/**
 * The prompt's rows: ids, a text as it stands with its special tokens, or a conversation up to the
 * answer.
 */
export function encodePrompt(
  prompt: SamplePrompt,
  text: CheckpointText | null,
): readonly (readonly number[])[] {
  switch (prompt.field) {
    case "prompt_ids":
      return prompt.rows;
    case "prompt":
      return [text?.tokenizer.encode(prompt.text) ?? []];
    case "messages":
      return [text?.chatTemplate.encode(prompt.messages, true) ?? []];
  }
}

/** The text of a generated row, up to its first end-of-text or end-of-turn. */
export function decodeAnswer(
  { canvas, settings }: ReverseProcess,
  { tokenizer }: Pick<CheckpointText, "tokenizer">,
): string {
  const { endOfTextTokenId, endOfTurnTokenId } = settings;
  const ids = [...canvas.tokenIds.subarray(canvas.promptLength)];
  const end = ids.findIndex((id) => id === endOfTextTokenId || id === endOfTurnTokenId);
  return tokenizer.decode(end < 0 ? ids : ids.slice(0, end));
}
