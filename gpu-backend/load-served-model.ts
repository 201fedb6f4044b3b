import { createTokenCodec } from "./infilling/template.ts";
import { loadChatTemplate } from "./model/chat-template.ts";
import { type Checkpoint, digestCheckpoint } from "./model/checkpoint.ts";
import { loadTokenizer } from "./model/tokenizer.ts";
import type { ServedModel } from "./server/served-model.ts";

/**
 * Everything of a checkpoint that requests need beside its network; reads every weight for the digest.
 *
 * @throws {ApiError} `checkpoint_not_found` or `checkpoint_corrupt` if its text files are absent or broken.
 */
export async function loadServedModel(
  checkpoint: Checkpoint,
  modelId: string,
): Promise<ServedModel> {
  const { config, directory } = checkpoint;
  const tokenizer = await loadTokenizer(directory, config);
  const chatTemplate = await loadChatTemplate(directory, tokenizer);
  return {
    maxLength: config.maxSequenceLength,
    specialTokens: {
      maskTokenId: config.maskTokenId,
      endOfTextTokenId: config.eosTokenId,
      endOfTurnTokenId: tokenizer.specialIds.eot,
    },
    decoder: tokenizer,
    codec: createTokenCodec(tokenizer, config.embeddingSize),
    description: {
      id: modelId,
      max_length: config.maxSequenceLength,
      vocabulary_size: config.vocabularySize,
      parameter_count: checkpoint.parameterCount,
      weights_digest: await digestCheckpoint(checkpoint),
      created: Math.floor(checkpoint.modifiedAt / 1000),
    },
    encodePrompt: (input) =>
      input.type === "text"
        ? tokenizer.encodeUserText(input.text)
        : chatTemplate.encode(input.messages, true),
  };
}
