/**
 * What a step feeds where a block's later steps take keys and values from its first: Fast-dLLM's
 * prefix and dual cache.
 *
 * Owns: the row as the block's first step fed it, and which columns the later steps feed again.
 * Does not own: keys and values. They follow from that row, so the predictor keeps them or computes
 * them again, and a run that moves to another node takes the row along and nothing else.
 */

import type { PredictorRow } from "../canvas/canvas-batch.ts";

/**
 * Which columns the later steps of a block feed: all; from the block's start to the end, the columns
 * before being kept; or the block alone, the columns before and after being kept.
 */
export type CacheKind = "none" | "prefix" | "dual";

/** Where a step stands in its block. */
export interface BlockPlace {
  /** From 0; the first feeds the whole row. */
  readonly blockStep: number;
  /** First column of the block. */
  readonly start: number;
  /** The column after the block's last. */
  readonly end: number;
}

/** Columns `[start, end)` of a row that a step feeds. */
export interface FedSpan {
  readonly forward: "full" | "prefix" | "dual";
  readonly start: number;
  readonly end: number;
  /** True where the block's later steps take keys and values from this one. */
  readonly isContext: boolean;
}

/** The context of one run's current block. */
export class BlockCache {
  readonly #kind: CacheKind;
  #contextTokenIds: Int32Array | null;

  /** @param contextTokenIds Those of a run that is taken up inside a block; null otherwise. */
  constructor(kind: CacheKind, contextTokenIds: Int32Array | null) {
    this.#kind = kind;
    this.#contextTokenIds = contextTokenIds;
  }

  /** `[length]`: the row that the block's first step fed; null before it and without a cache. */
  get contextTokenIds(): Int32Array | null {
    return this.#contextTokenIds;
  }

  /** Remembers what a block's first step fed; copies it. */
  begin(tokenIds: Int32Array): void {
    this.#contextTokenIds = tokenIds.slice();
  }

  /**
   * What a step feeds.
   *
   * @param place Null for a step outside the blocks.
   * @param length Columns of the canvas.
   */
  span(place: BlockPlace | null, length: number): FedSpan {
    const whole = { forward: "full", start: 0, end: length } as const;
    if (this.#kind === "none" || place === null) return { ...whole, isContext: false };
    if (place.blockStep === 0) return { ...whole, isContext: true };
    const end = this.#kind === "prefix" ? length : place.end;
    return { forward: this.#kind, start: place.start, end, isContext: false };
  }

  /**
   * Makes a whole row what the step feeds of it.
   *
   * @param view What the row shows of the canvas: applied to the context as to the row itself.
   */
  feed(
    row: PredictorRow,
    { forward, start, end, isContext }: FedSpan,
    view: (tokenIds: Int32Array) => Int32Array,
  ): PredictorRow {
    if (isContext) return { ...row, isContext };
    if (forward === "full" || this.#contextTokenIds === null) return row;
    return { ...row, span: { start, end, contextTokenIds: view(this.#contextTokenIds) } };
  }
}
