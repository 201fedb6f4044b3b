/**
 * The format of an API key: `unm_<live|test>_<public part>_<secret><checksum>`, all base62.
 *
 * The public part is the account's id, the key's id and a keyed tag over everything before the
 * checksum, so that the edge knows which account object to ask, and refuses a forged key without
 * asking one. The checksum finds a mistyped key, and lets a scanner know a leaked one, offline.
 *
 * Owns: writing, reading and recognising keys. Does not own: whether a key is live
 * (account-store.ts).
 */
import type { KeyEnvironment } from "#shared/contracts/accounts.ts";
import { encodeBase62, type RandomBytes, randomBase62 } from "#shared/contracts/base62.ts";
import { HMAC, importHmacKey } from "#shared/contracts/hmac-key.ts";

const ACCOUNT_ID_LENGTH = 12;
const KEY_ID_LENGTH = 10;
const TAG_LENGTH = 10;
/** 22 base62 digits hold 130 bits. */
const SECRET_LENGTH = 22;
/** Six base62 digits hold every CRC32. */
const CHECKSUM_LENGTH = 6;

const KEY_PATTERN = new RegExp(
  `^unm_(?<environment>live|test)_(?<account>[0-9A-Za-z]{${ACCOUNT_ID_LENGTH}})` +
    `(?<key>[0-9A-Za-z]{${KEY_ID_LENGTH}})(?<tag>[0-9A-Za-z]{${TAG_LENGTH}})` +
    `_(?<secret>[0-9A-Za-z]{${SECRET_LENGTH}})(?<checksum>[0-9A-Za-z]{${CHECKSUM_LENGTH}})$`,
);

const ACCOUNT_ID_PATTERN = new RegExp(`^acct_[0-9A-Za-z]{${ACCOUNT_ID_LENGTH}}$`);

const encoder = new TextEncoder();

/** A key taken apart; nothing is known of its truth but its checksum. */
export interface ParsedApiKey {
  readonly environment: KeyEnvironment;
  /** `acct_…` */
  readonly accountId: string;
  /** `key_…` */
  readonly keyId: string;
  readonly tag: string;
  readonly secret: string;
}

/** What a new key is made of. */
export interface NewApiKey {
  readonly environment: KeyEnvironment;
  readonly accountId: string;
  readonly tagSecret: string;
  readonly randomBytes: RandomBytes;
}

/** A key as its owner gets it, and what the account keeps of it. */
export interface IssuedApiKey {
  /** The whole key; kept nowhere. */
  readonly key: string;
  readonly keyId: string;
  /** SHA-256 of the secret, hex. */
  readonly secretHash: string;
  /** Last four characters of the key. */
  readonly lastFour: string;
}

/** A new account's id. */
export function createAccountId(randomBytes: RandomBytes): string {
  return `acct_${randomBase62(ACCOUNT_ID_LENGTH, randomBytes)}`;
}

/** Tells whether `text` has the form of an account's id. */
export function isAccountId(text: string): boolean {
  return ACCOUNT_ID_PATTERN.test(text);
}

/** Issues a key for an account. */
export async function createApiKey(input: NewApiKey): Promise<IssuedApiKey> {
  const account = input.accountId.slice("acct_".length);
  const id = randomBase62(KEY_ID_LENGTH, input.randomBytes);
  const secret = randomBase62(SECRET_LENGTH, input.randomBytes);
  const tag = await computeTag(input.environment, account + id, secret, input.tagSecret);
  const body = `unm_${input.environment}_${account}${id}${tag}_${secret}`;
  const key = body + computeChecksum(body);
  return {
    key,
    keyId: `key_${id}`,
    secretHash: await hashSecret(secret),
    lastFour: key.slice(-4),
  };
}

/** Takes a key apart, or `null` if it is not one: wrong form or wrong checksum. */
export function parseApiKey(text: string): ParsedApiKey | null {
  const groups = KEY_PATTERN.exec(text)?.groups;
  if (groups === undefined) return null;
  const { environment = "", account = "", key = "", tag = "", secret = "", checksum } = groups;
  if (computeChecksum(text.slice(0, -CHECKSUM_LENGTH)) !== checksum) return null;
  return {
    environment: environment === "live" ? "live" : "test",
    accountId: `acct_${account}`,
    keyId: `key_${key}`,
    tag,
    secret,
  };
}

/** Tells whether the key was issued with `tagSecret`. Compares in constant time. */
export async function isTagValid(key: ParsedApiKey, tagSecret: string): Promise<boolean> {
  const ids = key.accountId.slice("acct_".length) + key.keyId.slice("key_".length);
  return isEqual(key.tag, await computeTag(key.environment, ids, key.secret, tagSecret));
}

/** SHA-256, hex: enough for a secret of 130 random bits. */
export async function hashSecret(secret: string): Promise<string> {
  return toHex(await crypto.subtle.digest("SHA-256", encoder.encode(secret)));
}

/** Tells whether two secrets are the same, in a time that tells nothing of either. */
export async function isSameSecret(left: string, right: string): Promise<boolean> {
  return isEqual(await hashSecret(left), await hashSecret(right));
}

async function computeTag(
  environment: KeyEnvironment,
  ids: string,
  secret: string,
  tagSecret: string,
): Promise<string> {
  const text = encoder.encode(`${environment}_${ids}_${secret}`);
  const signature = await crypto.subtle.sign(HMAC, await importHmacKey(tagSecret), text);
  return encodeBase62(BigInt(`0x${toHex(signature)}`), TAG_LENGTH);
}

function computeChecksum(text: string): string {
  return encodeBase62(BigInt(crc32(encoder.encode(text))), CHECKSUM_LENGTH);
}

/** CRC-32 as zlib computes it, an unsigned integer. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let i = 0; i < 8; i++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb8_8320 : 0);
  }
  return (crc ^ 0xffff_ffff) >>> 0;
}

function isEqual(left: string, right: string): boolean {
  let difference = left.length ^ right.length;
  for (let i = 0; i < left.length; i++) difference |= left.charCodeAt(i) ^ right.charCodeAt(i);
  return difference === 0;
}

function toHex(buffer: ArrayBuffer): string {
  return [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
