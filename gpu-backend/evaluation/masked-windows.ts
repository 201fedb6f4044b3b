/** Canvases with masks, cut from a text, for measurements at every noise level. */

import type { CanvasBatch } from "../canvas/canvas-batch.ts";
import { createMaskNoise } from "../likelihood/mask-noise.ts";

/** One canvas and the ids that its masks hide, in the order of its candidates. */
export interface MaskedWindow {
  readonly batch: CanvasBatch;
  readonly hiddenIds: Int32Array;
}

/** How a text is cut. */
export interface WindowOptions {
  /** Columns of a canvas. */
  readonly length: number;
  /** Most canvases. */
  readonly maxCount: number;
  /** Most masked columns of a canvas whose logits are wanted. */
  readonly maxCandidates: number;
  readonly maskTokenId: number;
}

/**
 * Cuts ids into windows and masks the share (i + 1/2) / count of window i, in random columns.
 *
 * Deterministic: equal ids and options give equal windows. A last window that is too short is left out,
 * unless it is the only one.
 */
export function maskWindows(ids: readonly number[], options: WindowOptions): MaskedWindow[] {
  const length = Math.min(options.length, ids.length);
  const count = length === 0 ? 0 : Math.min(options.maxCount, Math.floor(ids.length / length));
  return Array.from({ length: count }, (_, index) =>
    maskWindow(ids.slice(index * length, (index + 1) * length), index, count, options),
  );
}

function maskWindow(
  ids: readonly number[],
  index: number,
  count: number,
  { maxCandidates, maskTokenId }: WindowOptions,
): MaskedWindow {
  const noise = createMaskNoise(0);
  const ranked = [...ids.keys()].sort(
    (a, b) => noise.order(index, 0, a) - noise.order(index, 0, b),
  );
  const maskedCount = Math.max(1, Math.round(((index + 0.5) / count) * ids.length));
  const masked = ranked.slice(0, maskedCount);
  const tokenIds = Int32Array.from(ids);
  for (const column of masked) tokenIds[column] = maskTokenId;
  const candidateIndexes = Int32Array.from(masked.slice(0, maxCandidates)).sort();
  return {
    batch: {
      rowCount: 1,
      length: ids.length,
      tokenIds,
      attended: new Uint8Array(ids.length).fill(1),
      candidateIndexes,
    },
    hiddenIds: candidateIndexes.map((column) => ids[column] ?? 0),
  };
}
