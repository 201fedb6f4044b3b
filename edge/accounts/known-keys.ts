import { hashSecret, isTagValid, type ParsedApiKey, parseApiKey } from "./api-key.ts";

/** A key that was issued here, and what its account knows it by. */
export interface RecognizedKey extends ParsedApiKey {
  /** SHA-256 of the secret, hex. */
  readonly secretHash: string;
}

/** Keys that are remembered; with more at once, some are recognised anew. */
const MAX_KEYS = 1_000;

/**
 * Recognises keys, and remembers those that were issued here, in memory alone: nothing changes a key's tag
 * or its secret's hash. Whether it is live only its account knows.
 */
export class KnownKeys {
  readonly #keys = new Map<string, { readonly tagSecret: string; readonly key: RecognizedKey }>();

  /** Takes a presented key apart; `null` unless it was issued with `tagSecret`. */
  async recognize(text: string, tagSecret: string): Promise<RecognizedKey | null> {
    const known = this.#keys.get(text);
    if (known?.tagSecret === tagSecret) return known.key;
    const parsed = parseApiKey(text);
    if (parsed === null || !(await isTagValid(parsed, tagSecret))) return null;
    const key = { ...parsed, secretHash: await hashSecret(parsed.secret) };
    if (this.#keys.size >= MAX_KEYS) this.#keys.clear();
    this.#keys.set(text, { tagSecret, key });
    return key;
  }
}
