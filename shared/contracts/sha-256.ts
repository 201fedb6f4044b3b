/**
 * SHA-256 without waiting: WebCrypto's is asynchronous, and a database transaction cannot wait.
 * FIPS 180-4, checked against WebCrypto in the tests.
 */

const BLOCK_BYTES = 64;
const ROUNDS = 64;
const encoder = new TextEncoder();

/** The first `count` primes' `root`-th roots: 32 bits after the point. */
function fractionBits(count: number, root: (value: number) => number): Int32Array {
  const words = new Int32Array(count);
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
  const state = Int32Array.from(INITIAL_STATE);
  const padded = pad(encoder.encode(text));
  const schedule = new Int32Array(ROUNDS);
  for (let offset = 0; offset < padded.byteLength; offset += BLOCK_BYTES) {
    compress(state, padded, offset, schedule);
  }
  return Array.from(state, (word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
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

/** In 32-bit integers, and no array made in its loops: every entry of a ledger waits for five of these. */
function compress(state: Int32Array, data: DataView, offset: number, w: Int32Array): void {
  for (let i = 0; i < 16; i++) w[i] = data.getInt32(offset + 4 * i);
  for (let i = 16; i < ROUNDS; i++) {
    const w2 = w[i - 2] ?? 0;
    const w15 = w[i - 15] ?? 0;
    const small0 = rotate(w15, 7) ^ rotate(w15, 18) ^ (w15 >>> 3);
    const small1 = rotate(w2, 17) ^ rotate(w2, 19) ^ (w2 >>> 10);
    w[i] = (((w[i - 16] ?? 0) + small0) | 0) + (((w[i - 7] ?? 0) + small1) | 0);
  }
  let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = state;
  for (let i = 0; i < ROUNDS; i++) {
    const big1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
    const choice = (e & f) ^ (~e & g);
    const word = ((ROUND_WORDS[i] ?? 0) + (w[i] ?? 0)) | 0;
    const first = (((h + big1) | 0) + ((choice + word) | 0)) | 0;
    const big0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
    const majority = (a & b) ^ (a & c) ^ (b & c);
    h = g;
    g = f;
    f = e;
    e = (d + first) | 0;
    d = c;
    c = b;
    b = a;
    a = (first + ((big0 + majority) | 0)) | 0;
  }
  const words = [a, b, c, d, e, f, g, h];
  for (let i = 0; i < 8; i++) state[i] = (state[i] ?? 0) + (words[i] ?? 0);
}

function rotate(word: number, count: number): number {
  return (word >>> count) | (word << (32 - count));
}
