/**
 * A checkpoint's tokenizer: `tokenizer.json` and `tokenizer_config.json`.
 *
 * Owns: text to ids and back, the special ids, and that user text never becomes a special token.
 * Does not own: how a conversation is laid out (chat-template.ts).
 */

import { Tokenizer as HuggingFaceTokenizer } from "@huggingface/tokenizers";
import { ApiError } from "#shared/contracts/errors.ts";
import type { CheckpointConfig } from "./checkpoint-config.ts";
import { createSpecialTokenGuard } from "./special-tokens.ts";
import {
  guardTokenizerFile,
  readTokenizerFiles,
  type TokenizerConfigFile,
} from "./tokenizer-files.ts";

/** Ids with a meaning of their own; null where the checkpoint has no such token. */
export interface SpecialTokenIds {
  readonly bos: number | null;
  readonly eos: number;
  readonly pad: number;
  readonly mask: number;
  /** End of a turn, `<|eot_id|>`. */
  readonly eot: number | null;
}

/** Text to token ids and back. Nothing is added at either end of a text. */
export interface Tokenizer {
  readonly specialIds: SpecialTokenIds;
  /** The tokenizer's configuration, for the chat template. */
  readonly configFile: TokenizerConfigFile;
  /** Encodes text in which special tokens mean themselves: a template, an operator's prompt. */
  encode(text: string): number[];
  /** Encodes text in which a special token's spelling is only characters. */
  encodeUserText(text: string): number[];
  /** Makes user text safe to put into a template whose result goes to {@link encodeShielded}. */
  shieldUserText(text: string): string;
  /** Encodes a template's result: special tokens mean themselves but where user text was shielded. */
  encodeShielded(text: string): number[];
  /** Text of `ids`; special tokens, and ids that are no token, are left out. Bytes that are not UTF-8: U+FFFD. */
  decode(ids: readonly number[]): string;
  /** Text that one token adds within a text; a part of a character is U+FFFD. */
  decodeToken(id: number): string;
  /** True for special tokens, and for ids that are no token. */
  isSpecial(id: number): boolean;
}

type SpecialIdsOfConfig = Pick<
  CheckpointConfig,
  "maskTokenId" | "eosTokenId" | "padTokenId" | "embeddingSize"
>;

/** LLaDA's names, for what a configuration does not say. */
export const BEGIN_OF_TEXT = "<|startoftext|>";
const END_OF_TURN = "<|eot_id|>";

/**
 * Loads the tokenizer of a checkpoint directory.
 *
 * @throws {ApiError} `checkpoint_not_found` without `tokenizer.json`; `checkpoint_corrupt` if it cannot
 *   be used, or has ids beyond the embedding.
 */
export async function loadTokenizer(
  directory: string,
  config: SpecialIdsOfConfig,
): Promise<Tokenizer> {
  const files = await readTokenizerFiles(directory);
  const ids = [config.maskTokenId, config.eosTokenId, config.padTokenId];
  const { file, specialTokens, tokenCount } = guardTokenizerFile(files, ids);
  if (tokenCount > config.embeddingSize) {
    throw corrupt(`tokenizer.json has ids beyond the ${config.embeddingSize} of the embedding.`);
  }
  const inner = createInner(file, files.config);
  const guard = createSpecialTokenGuard([...specialTokens.keys()]);
  const specialIdSet = new Set(specialTokens.values());
  const encodeMarked = (text: string): number[] =>
    inner.encode(text, { add_special_tokens: false }).ids;
  const isSpecial = (id: number): boolean =>
    specialIdSet.has(id) || inner.id_to_token(id) === undefined;
  const decode = (tokenIds: readonly number[]): string => {
    const visible = tokenIds.filter((id) => !isSpecial(id));
    return visible.length === 0
      ? ""
      : inner.decode(visible, {
          clean_up_tokenization_spaces: files.config.clean_up_tokenization_spaces ?? false,
        });
  };
  const anchor = findAnchor(encodeMarked, decode);
  return {
    configFile: files.config,
    specialIds: {
      bos: specialTokens.get(files.config.bos_token ?? BEGIN_OF_TEXT) ?? null,
      eos: config.eosTokenId,
      pad: config.padTokenId,
      mask: config.maskTokenId,
      eot: specialTokens.get(END_OF_TURN) ?? null,
    },
    encode: (text) => encodeMarked(guard.markSpecialTokens(text.toWellFormed())),
    encodeUserText: (text) => encodeMarked(guard.markSpecialTokens(guard.shieldUserText(text))),
    shieldUserText: (text) => guard.shieldUserText(text),
    encodeShielded: (text) => encodeMarked(guard.markSpecialTokens(text)),
    decode,
    decodeToken: (id) => decode([...anchor.ids, id]).slice(anchor.text.length),
    isSpecial,
  };
}

function createInner(file: object, config: object): HuggingFaceTokenizer {
  try {
    const inner = new HuggingFaceTokenizer(file, config);
    inner.encode("A first sentence, to meet faults here.", { add_special_tokens: false });
    return inner;
  } catch (cause) {
    throw corrupt("tokenizer.json cannot be used.", cause);
  }
}

/** Some text to decode a token after, since many decoders strip a space at the start. */
function findAnchor(
  encode: (text: string) => number[],
  decode: (ids: readonly number[]) => string,
): { readonly ids: readonly number[]; readonly text: string } {
  const ids = encode("a");
  return { ids, text: decode(ids) };
}

function corrupt(message: string, cause?: unknown): ApiError {
  return new ApiError("checkpoint_corrupt", message, { param: "tokenizer.json", cause });
}
