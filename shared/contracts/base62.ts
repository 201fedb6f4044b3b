/** Base62 text: what one double click selects, in URLs and keys. */

/** Digits in ascending ASCII order, so that equal lengths sort as their numbers do. */
const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/** Largest multiple of 62 in a byte: bytes at or above it are drawn again, so no digit is likelier. */
const MAX_FAIR_BYTE = 248;

/** Gives `length` bytes that nobody can guess. */
export type RandomBytes = (length: number) => Uint8Array;

/** `length` random digits, 5.95 bits each. */
export function randomBase62(length: number, randomBytes: RandomBytes): string {
  let text = "";
  while (text.length < length) {
    for (const byte of randomBytes(length - text.length)) {
      if (byte < MAX_FAIR_BYTE) text += DIGITS.charAt(byte % 62);
    }
  }
  return text;
}

/** The last `length` digits of `value`, zeros in front, most significant first. */
export function encodeBase62(value: bigint, length: number): string {
  let text = "";
  let rest = value;
  for (let i = 0; i < length; i++) {
    text = DIGITS.charAt(Number(rest % 62n)) + text;
    rest /= 62n;
  }
  return text;
}

/**
 * An id that sorts by time: eight digits of milliseconds, then fourteen random ones.
 *
 * @param nowMs Epoch milliseconds.
 */
export function createId(prefix: string, nowMs: number, randomBytes: RandomBytes): string {
  return `${prefix}_${encodeBase62(BigInt(nowMs), 8)}${randomBase62(14, randomBytes)}`;
}
