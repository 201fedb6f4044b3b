/**
 * What one denoising step changed, for whoever watches the canvas fill.
 *
 * Owns: the frame, and the canvas that a frame leads to.
 * Does not own: the wire (server/), text (engine/).
 */

import { insertColumns } from "../canvas/insert-columns.ts";
import type { CanvasResize, DenoisingStep } from "./denoising-step.ts";

/** A column, the token that it holds or would take, and how sure the network is of it. */
export interface FramePosition {
  /** Column of the canvas. */
  readonly position: number;
  readonly tokenId: number;
  /** In [0, 1]. */
  readonly confidence: number;
}

/**
 * One step. All positions are columns of the canvas before `resize`; a frame is applied in the order
 * of its fields: committed, masked again, resized.
 */
export interface DenoisingFrame {
  /** Over the whole run, from 0. */
  readonly step: number;
  /** From 0; the number of blocks in a revision step. */
  readonly block: number;
  /** Columns that hold a token from now on, ascending. */
  readonly committed: readonly FramePosition[];
  /** Columns that revision masked again, ascending. */
  readonly remasked: readonly number[];
  /** Null where the canvas kept its length. */
  readonly resize: CanvasResize | null;
  /** What the columns that are still masked would take now, ascending: those the step looked at. */
  readonly provisional: readonly FramePosition[];
  /** Masks left on the whole canvas. */
  readonly maskedCount: number;
  /** Rows fed to the network so far. */
  readonly forwardPasses: number;
}

/** Describes a step by what it changed. */
export function toFrame(step: DenoisingStep): DenoisingFrame {
  const written = new Set(step.committed);
  const positions = Array.from(step.positions, (position, index) => ({
    position,
    tokenId: step.tokenIds[index] as number,
    confidence: step.confidences[index] as number,
  }));
  return {
    step: step.step,
    block: step.block,
    committed: positions.filter(({ position }) => written.has(position)),
    remasked: [...step.remasked],
    resize: step.resize,
    provisional: positions.filter(
      ({ position }) => !written.has(position) && isKept(position, step.resize),
    ),
    maskedCount: step.maskedCount,
    forwardPasses: step.forwardPasses,
  };
}

/**
 * The canvas after a frame.
 *
 * @param tokenIds `[length]`, the canvas before it; read, never written.
 * @returns A canvas of its own; applied one after another from the first canvas, a run's frames give
 *   its last.
 */
export function applyFrame(
  tokenIds: Int32Array,
  frame: DenoisingFrame,
  maskTokenId: number,
): Int32Array {
  const next = tokenIds.slice();
  for (const { position, tokenId } of frame.committed) next[position] = tokenId;
  for (const position of frame.remasked) next[position] = maskTokenId;
  const { resize } = frame;
  if (resize === null) return next;
  if (resize.kind === "truncate") return next.slice(0, resize.length);
  return insertColumns(next, resize.column, resize.count, resize.tokenId);
}

function isKept(position: number, resize: CanvasResize | null): boolean {
  return resize?.kind !== "truncate" || position < resize.length;
}
