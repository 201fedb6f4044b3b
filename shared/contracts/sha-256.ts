/**
 * SHA-256 without waiting: WebCrypto's is asynchronous, and a database transaction cannot wait.
 * FIPS 180-4, checked against WebCrypto in the tests.
 */

const BLOCK_BYTES = 64;
const ROUNDS = 64;
const encoder = new TextEncoder();

/** The first `count` primes' `root`-th roots: 32 bits after the point. */
function fractionBits(count: number, root: (value: number) => number): Uint32Array {
  const words = new Uint32Array(count);
  for (let found = 0, candidate = 2; found < count; candidate++) {
    if (!isPrime(candidate)) continue;
    const value = root(candidate);
    words[found++] = Math.floor((value - Math.floor(value)) * 2 ** 32);
  }
  return words;
}

function isPrime(candidate: number): boolean {
  for (let divisor = 2; divisor * divisor <= candidate; divisor++) {
    if (candidate % divisor === 0) return false;
  }
  return true;
}

const ROUND_WORDS = fractionBits(ROUNDS, Math.cbrt);
const INITIAL_STATE = fractionBits(8, Math.sqrt);

/** SHA-256 of `text` as UTF-8, in lower-case hex. */
export function sha256Hex(text: string): string {
  const state = Uint32Array.from(INITIAL_STATE);
  const padded = pad(encoder.encode(text));
  const schedule = new Uint32Array(ROUNDS);
  for (let offset = 0; offset < padded.byteLength; offset += BLOCK_BYTES) {
    compress(state, padded, offset, schedule);
  }
  return [...state].map((word) => word.toString(16).padStart(8, "0")).join("");
}

/** The message, a one bit, zeros, and its length in bits as a 64-bit integer. */
function pad(bytes: Uint8Array): DataView {
  const blockCount = Math.ceil((bytes.length + 9) / BLOCK_BYTES);
  const padded = new Uint8Array(blockCount * BLOCK_BYTES);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setBigUint64(padded.length - 8, BigInt(bytes.length) * 8n);
  return view;
}

function compress(state: Uint32Array, data: DataView, offset: number, w: Uint32Array): void {
  for (let i = 0; i < 16; i++) w[i] = data.getUint32(offset + 4 * i);
  for (let i = 16; i < ROUNDS; i++) {
    const [w2 = 0, w7 = 0, w15 = 0, w16 = 0] = [w[i - 2], w[i - 7], w[i - 15], w[i - 16]];
    const small0 = rotate(w15, 7) ^ rotate(w15, 18) ^ (w15 >>> 3);
    const small1 = rotate(w2, 17) ^ rotate(w2, 19) ^ (w2 >>> 10);
    w[i] = w16 + small0 + w7 + small1;
  }
  let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = state;
  for (let i = 0; i < ROUNDS; i++) {
    const big1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
    const choice = (e & f) ^ (~e & g);
    const first = (h + big1 + choice + (ROUND_WORDS[i] ?? 0) + (w[i] ?? 0)) | 0;
    const big0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
    const majority = (a & b) ^ (a & c) ^ (b & c);
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + first) | 0, c, b, a, (first + big0 + majority) | 0];
  }
  for (const [i, word] of [a, b, c, d, e, f, g, h].entries()) state[i] = (state[i] ?? 0) + word;
}

function rotate(word: number, count: number): number {
  return (word >>> count) | (word << (32 - count));
}
