/**
 * Arrays of numbers as short text, for a run's state.
 *
 * Owns: the encoding: ids as zigzag varints of their differences, float32 as little-endian bytes, both
 * in base64; flags as the lengths of their runs.
 * Does not own: what the arrays mean (process-state.ts).
 */

/** Bits of a varint's byte that carry the number. */
const VARINT_BITS = 7;
/** A difference of two 32-bit ids has 33 bits, one more for its sign. */
const MAX_VARINT_BYTES = 5;
const FLOAT_BYTES = 4;
/** Arguments of one call; more may overflow the stack. */
const CHARACTERS_PER_CALL = 4096;

/** Packs ids; a run of equal ones takes a byte each. */
export function packIds(ids: Int32Array): string {
  const bytes = new Uint8Array(ids.length * MAX_VARINT_BYTES);
  let count = 0;
  let last = 0;
  for (let index = 0; index < ids.length; index += 1) {
    const id = ids[index] as number;
    const difference = id - last;
    last = id;
    let rest = difference < 0 ? -2 * difference - 1 : 2 * difference;
    while (rest >= 2 ** VARINT_BITS) {
      bytes[count] = (rest % 2 ** VARINT_BITS) + 2 ** VARINT_BITS;
      count += 1;
      rest = Math.floor(rest / 2 ** VARINT_BITS);
    }
    bytes[count] = rest;
    count += 1;
  }
  return toBase64(bytes.subarray(0, count));
}

/**
 * The inverse of {@link packIds}.
 *
 * @throws {RangeError} if the last number is cut off or one lies outside 32 bits.
 */
export function unpackIds(text: string): Int32Array {
  const ids: number[] = [];
  let last = 0;
  let rest = 0;
  let scale = 1;
  for (const byte of fromBase64(text)) {
    rest += (byte % 2 ** VARINT_BITS) * scale;
    scale *= 2 ** VARINT_BITS;
    if (byte >= 2 ** VARINT_BITS) continue;
    last += rest % 2 === 0 ? rest / 2 : -(rest + 1) / 2;
    if (last !== (last | 0)) throw new RangeError("an id outside 32 bits");
    ids.push(last);
    rest = 0;
    scale = 1;
  }
  if (scale !== 1) throw new RangeError("an id that is cut off");
  return Int32Array.from(ids);
}

/** Packs float32 values. */
export function packFloats(values: Float32Array): string {
  const view = new DataView(new ArrayBuffer(values.length * FLOAT_BYTES));
  for (let index = 0; index < values.length; index += 1) {
    view.setFloat32(index * FLOAT_BYTES, values[index] as number, true);
  }
  return toBase64(new Uint8Array(view.buffer));
}

/**
 * The inverse of {@link packFloats}.
 *
 * @throws {RangeError} if the last value is cut off.
 */
export function unpackFloats(text: string): Float32Array {
  const bytes = fromBase64(text);
  if (bytes.length % FLOAT_BYTES !== 0) throw new RangeError("a value that is cut off");
  const view = new DataView(bytes.buffer);
  return Float32Array.from({ length: bytes.length / FLOAT_BYTES }, (_, index) =>
    view.getFloat32(index * FLOAT_BYTES, true),
  );
}

/** The lengths of the runs of equal flags; the first counts zeros and may be 0. */
export function packFlags(flags: Uint8Array): number[] {
  const runs: number[] = [];
  let flag = 0;
  let start = 0;
  for (let index = 0; index <= flags.length; index += 1) {
    if (index < flags.length && flags[index] === flag) continue;
    runs.push(index - start);
    start = index;
    flag = 1 - flag;
  }
  return runs;
}

/** The inverse of {@link packFlags}. */
export function unpackFlags(runs: readonly number[]): Uint8Array {
  const flags = new Uint8Array(runs.reduce((sum, length) => sum + length, 0));
  let start = 0;
  for (const [index, length] of runs.entries()) {
    flags.fill(index % 2, start, start + length);
    start += length;
  }
  return flags;
}

function toBase64(bytes: Uint8Array): string {
  let text = "";
  for (let start = 0; start < bytes.length; start += CHARACTERS_PER_CALL) {
    // Spread, the bytes would be taken one by one through an iterator: eight times the time.
    const piece = bytes.subarray(start, start + CHARACTERS_PER_CALL);
    text += Reflect.apply(String.fromCharCode, null, piece);
  }
  return btoa(text);
}

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
