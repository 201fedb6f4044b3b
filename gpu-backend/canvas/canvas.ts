/**
 * One row that is being denoised: a prompt, then the generation region.
 *
 * Owns: the token ids and which columns are padding.
 * Does not own: which columns are filled when (sampler/), how rows share a forward pass
 * (canvas-batch.ts).
 */

import { insertColumns } from "./insert-columns.ts";

/** What a canvas begins as. */
export interface CanvasStart {
  /** Token ids of the prompt, padding included where `attended` marks some. */
  readonly promptTokenIds: ArrayLike<number>;
  /** Masked columns to append, at least 1. */
  readonly generationLength: number;
  readonly maskTokenId: number;
  /** `[promptLength]`: 0 where a prompt column is padding; null when none is. */
  readonly attended?: ArrayLike<number> | null;
}

/** Prompt and generation region of one row as token ids; a masked column holds the mask id. */
export class Canvas {
  #tokenIds: Int32Array;
  #attended: Uint8Array | null;
  /** The columns to fill where the generation region also holds given tokens; null where it does not. */
  readonly holeColumns: Int32Array | null;
  /** Columns before the generation region, padding included. */
  readonly promptLength: number;

  /**
   * @param tokenIds `[length]`, owned by the canvas from now on.
   * @param promptLength Columns before the generation region, 0 to `tokenIds.length`.
   * @param attended `[length]` or null.
   * @param holeColumns The columns of the generation region to fill, ascending, where it also holds
   *   tokens that are given; null where every column after the prompt is to be filled.
   */
  constructor(
    tokenIds: Int32Array,
    promptLength: number,
    attended: Uint8Array | null,
    holeColumns: Int32Array | null = null,
  ) {
    this.#tokenIds = tokenIds;
    this.promptLength = promptLength;
    this.#attended = attended;
    this.holeColumns = holeColumns;
  }

  /**
   * `[length]`; written by the one reverse process that owns this canvas. Another array after
   * {@link insert} and {@link truncate}.
   */
  get tokenIds(): Int32Array {
    return this.#tokenIds;
  }

  /** `[length]`: 1 where the column is attended to; null when every column is. */
  get attended(): Uint8Array | null {
    return this.#attended;
  }

  /**
   * A prompt followed by `generationLength` masks.
   *
   * @throws {RangeError} if `attended` has another length than the prompt.
   */
  static start(start: CanvasStart): Canvas {
    const promptLength = start.promptTokenIds.length;
    const length = promptLength + start.generationLength;
    const tokenIds = new Int32Array(length).fill(start.maskTokenId);
    tokenIds.set(start.promptTokenIds);
    const mask = start.attended ?? null;
    if (mask === null) {
      return new Canvas(tokenIds, promptLength, null);
    }
    if (mask.length !== promptLength) {
      throw new RangeError(`${mask.length} attended columns for a prompt of ${promptLength}`);
    }
    const attended = new Uint8Array(length).fill(1);
    attended.set(mask);
    return new Canvas(tokenIds, promptLength, attended);
  }

  /** Columns, prompt, padding and generation region together. */
  get length(): number {
    return this.tokenIds.length;
  }

  /** Columns of the generation region that are to be filled. */
  get generationLength(): number {
    return this.holeColumns?.length ?? this.tokenIds.length - this.promptLength;
  }

  /** The canvas column of the `offset`-th column to fill, from 0 below `generationLength`. */
  generationColumn(offset: number): number {
    return this.holeColumns?.[offset] ?? this.promptLength + offset;
  }

  /** The ids in the columns to fill from `start` to `end`, exclusive, ascending. */
  generatedTokenIds(start: number, end: number): Int32Array {
    if (this.holeColumns === null) return this.#tokenIds.subarray(start, end);
    const columns = this.holeColumns.filter((column) => column >= start && column < end);
    return columns.map((column) => this.#tokenIds[column] as number);
  }

  /** The first column that is no padding: the row's position 0. */
  get firstColumn(): number {
    return this.attended === null ? 0 : Math.max(0, this.attended.indexOf(1));
  }

  /**
   * Puts `count` attended columns that hold `tokenId` before `column`; at `length`, at the end. For a
   * canvas without holes.
   */
  insert(column: number, count: number, tokenId: number): void {
    this.#tokenIds = insertColumns(this.#tokenIds, column, count, tokenId);
    if (this.#attended !== null) this.#attended = insertColumns(this.#attended, column, count, 1);
  }

  /** Drops the columns from `length` on. For a canvas without holes. */
  truncate(length: number): void {
    this.#tokenIds = this.#tokenIds.slice(0, length);
    this.#attended = this.#attended?.slice(0, length) ?? null;
  }

  /** Columns in `[start, end)` that hold the mask id. */
  countMasked(maskTokenId: number, start = 0, end: number = this.tokenIds.length): number {
    let count = 0;
    for (let column = start; column < end; column += 1) {
      if (this.tokenIds[column] === maskTokenId) count += 1;
    }
    return count;
  }

  /** Columns in `[start, end)` that hold the mask id, ascending. */
  maskedColumns(maskTokenId: number, start = 0, end: number = this.tokenIds.length): Int32Array {
    const columns = new Int32Array(this.countMasked(maskTokenId, start, end));
    let count = 0;
    for (let column = start; column < end; column += 1) {
      if (this.tokenIds[column] === maskTokenId) {
        columns[count] = column;
        count += 1;
      }
    }
    return columns;
  }
}
