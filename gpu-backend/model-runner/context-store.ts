/** Keys (rotated) and values by layer, each `[columns, kvSize]` row-major float32; read, never written. */
export interface KeyValues {
  readonly keys: readonly Float32Array[];
  readonly values: readonly Float32Array[];
}

interface Entry {
  readonly kept: KeyValues;
  readonly byteLength: number;
}

/**
 * Keys and values of rows that were fed whole, by the rows' content; the least recently used leave first.
 *
 * A memo and no state: what is gone is computed again from the row.
 */
export class ContextStore {
  readonly #maxBytes: number;
  /** Least recently used first. */
  readonly #entries = new Map<string, Entry>();
  #byteLength = 0;

  /** @param maxBytes Most bytes of all tensors together; what alone is larger is not kept. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes of all tensors. */
  get byteLength(): number {
    return this.#byteLength;
  }

  /** Looks a row up and counts it as used. */
  get(key: string): KeyValues | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.kept;
  }

  /** Keeps a row's tensors, in place of others if need be. */
  put(key: string, kept: KeyValues): void {
    this.#remove(key);
    const byteLength = [...kept.keys, ...kept.values].reduce((sum, t) => sum + t.byteLength, 0);
    if (byteLength > this.#maxBytes) return;
    for (const oldest of this.#entries.keys()) {
      if (this.#byteLength + byteLength <= this.#maxBytes) break;
      this.#remove(oldest);
    }
    this.#entries.set(key, { kept, byteLength });
    this.#byteLength += byteLength;
  }

  #remove(key: string): void {
    this.#byteLength -= this.#entries.get(key)?.byteLength ?? 0;
    this.#entries.delete(key);
  }
}

/**
 * Names a row by its whole content, so that equal rows share and no two others do.
 *
 * @param tokenIds `[length]`, padding included.
 * @param attended `[length]`.
 */
export function contextKey(tokenIds: Int32Array, attended: Uint8Array): string {
  return readBytes(tokenIds) + readBytes(attended);
}

function readBytes({ buffer, byteOffset, byteLength }: Int32Array | Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString("latin1");
}
