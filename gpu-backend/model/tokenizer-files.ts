/**
 * The tokenizer's two files, read and prepared.
 *
 * Owns: their schema as far as we read it, and renaming special tokens so that no text spells them.
 * Does not own: the algorithm, which is @huggingface/tokenizers'.
 */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { ApiError } from "#shared/contracts/errors.ts";
import { markedName } from "./special-tokens.ts";

const tokenName = z
  .union([z.string(), z.looseObject({ content: z.string() }).transform((token) => token.content)])
  .nullish();
const chatTemplate = z.union([
  z.string(),
  z.array(z.object({ name: z.string(), template: z.string() })),
]);

const configSchema = z.looseObject({
  bos_token: tokenName,
  eos_token: tokenName,
  pad_token: tokenName,
  mask_token: tokenName,
  unk_token: tokenName,
  cls_token: tokenName,
  sep_token: tokenName,
  additional_special_tokens: z.array(tokenName).nullish(),
  clean_up_tokenization_spaces: z.boolean().nullish(),
  chat_template: chatTemplate.nullish(),
});

/** Token to id, or a list of tokens with scores whose index is the id. */
type Vocabulary = Readonly<Record<string, number>> | readonly (readonly [string, number])[];
const addedToken = z.looseObject({
  id: z.int().nonnegative(),
  content: z.string(),
  special: z.boolean().optional(),
});
const fileSchema = z.looseObject({
  added_tokens: z.array(addedToken).nullish(),
  model: z.looseObject({
    vocab: z.custom<Vocabulary>(isVocabulary),
    unk_token: z.string().nullish(),
  }),
});

/** By hand: a schema would copy a hundred thousand entries, and drop one called `__proto__`. */
function isVocabulary(value: unknown): boolean {
  if (Array.isArray(value)) {
    return value.every(
      (entry) => Array.isArray(entry) && typeof entry[0] === "string" && Number.isFinite(entry[1]),
    );
  }
  return (
    typeof value === "object" &&
    value !== null &&
    Object.values(value).every((id) => Number.isSafeInteger(id) && Number(id) >= 0)
  );
}

/** `tokenizer_config.json`, special tokens reduced to their text. */
export type TokenizerConfigFile = z.output<typeof configSchema>;
type TokenizerFile = z.output<typeof fileSchema>;
type AddedToken = z.output<typeof addedToken>;

/** Both files of a checkpoint. */
export interface TokenizerFiles {
  readonly file: TokenizerFile;
  readonly config: TokenizerConfigFile;
}

/** A `tokenizer.json` whose special tokens have marked names. */
export interface GuardedTokenizerFile {
  readonly file: TokenizerFile;
  /** Special tokens as written, with their ids. */
  readonly specialTokens: ReadonlyMap<string, number>;
  /** One more than the largest id. */
  readonly tokenCount: number;
}

/**
 * Reads `tokenizer.json`, and `tokenizer_config.json` where there is one.
 *
 * @throws {ApiError} `checkpoint_not_found` or `checkpoint_corrupt`; `param` is the file.
 */
export async function readTokenizerFiles(directory: string): Promise<TokenizerFiles> {
  const [content, configContent] = await Promise.all([
    readOptional(directory, "tokenizer.json"),
    readOptional(directory, "tokenizer_config.json"),
  ]);
  if (content === null) {
    throw new ApiError("checkpoint_not_found", "The checkpoint has no tokenizer.json.", {
      param: "tokenizer.json",
    });
  }
  return {
    file: parse(content, fileSchema, "tokenizer.json"),
    config: parse(configContent ?? "{}", configSchema, "tokenizer_config.json"),
  };
}

/**
 * Reads a file that may be absent.
 *
 * @throws {ApiError} `checkpoint_corrupt` if it is there and cannot be read.
 */
export async function readOptional(directory: string, name: string): Promise<string | null> {
  try {
    return await readFile(join(directory, name), "utf8");
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") {
      return null;
    }
    throw new ApiError("checkpoint_corrupt", `${name} cannot be read.`, { param: name, cause });
  }
}

function parse<Schema extends z.ZodType>(
  content: string,
  schema: Schema,
  label: string,
): z.output<Schema> {
  try {
    return schema.parse(JSON.parse(content));
  } catch (cause) {
    throw new ApiError("checkpoint_corrupt", `${label} is malformed.`, { param: label, cause });
  }
}

/**
 * Gives special tokens their marked names.
 *
 * Special are the tokens that the file flags, those that the configuration names, and `ids`.
 */
export function guardTokenizerFile(
  files: TokenizerFiles,
  ids: readonly number[],
): GuardedTokenizerFile {
  const { model } = files.file;
  const added = files.file.added_tokens ?? [];
  const idOf = new Map([
    ...listVocabulary(model.vocab),
    ...added.map((token): [string, number] => [token.content, token.id]),
  ]);
  const names = new Set([
    ...added.filter((token) => token.special === true).map((token) => token.content),
    ...listConfigured(files.config),
    ...[...idOf].filter(([, id]) => ids.includes(id)).map(([content]) => content),
  ]);
  const specialTokens = new Map([...idOf].filter(([content]) => names.has(content)));
  return {
    file: {
      ...files.file,
      added_tokens: markAdded(added, specialTokens),
      model: { ...model, vocab: markVocabulary(model.vocab, specialTokens, model.unk_token) },
    },
    specialTokens,
    tokenCount: [...idOf.values()].reduce((most, id) => Math.max(most, id + 1), 0),
  };
}

function isList(vocab: Vocabulary): vocab is readonly (readonly [string, number])[] {
  return Array.isArray(vocab);
}

function listVocabulary(vocab: Vocabulary): [string, number][] {
  return isList(vocab)
    ? vocab.map(([content], id): [string, number] => [content, id])
    : Object.entries(vocab);
}

function listConfigured(config: TokenizerConfigFile): string[] {
  const { bos_token, eos_token, pad_token, mask_token, unk_token, cls_token, sep_token } = config;
  const single = [bos_token, eos_token, pad_token, mask_token, unk_token, cls_token, sep_token];
  return [...single, ...(config.additional_special_tokens ?? [])].filter(
    (name) => name !== null && name !== undefined,
  );
}

/** Every special token becomes an added one, as the reference implementation has it. */
function markAdded(
  added: readonly AddedToken[],
  specialTokens: ReadonlyMap<string, number>,
): AddedToken[] {
  const present = new Set(added.map((token) => token.content));
  const absent = [...specialTokens].filter(([content]) => !present.has(content));
  return [
    ...added.map((token) =>
      specialTokens.has(token.content)
        ? { ...token, special: true, content: markedName(token.content) }
        : token,
    ),
    ...absent.map(([content, id]) => ({ id, special: true, content: markedName(content) })),
  ];
}

/** The token for unknown text keeps its name: the model looks it up by that. */
function markVocabulary(
  vocab: Vocabulary,
  specialTokens: ReadonlyMap<string, number>,
  unknownToken: string | null | undefined,
): Vocabulary {
  const rename = (content: string): string =>
    specialTokens.has(content) && content !== unknownToken ? markedName(content) : content;
  return isList(vocab)
    ? vocab.map(([content, score]): [string, number] => [rename(content), score])
    : Object.fromEntries(Object.entries(vocab).map(([content, id]) => [rename(content), id]));
}
