/**
 * The port between the reverse process and the network: everything above it is tested with a
 * hand-made predictor, everything below it knows tensors.
 */

import type { BatchAnswer } from "../canvas/candidate-choices.ts";
import type { CanvasBatch } from "../canvas/canvas-batch.ts";

/** The lane of passes that take every core. */
export const WHOLE_LANE = 0;

/** LLaDA's mask predictor: all masked positions at once, no causal mask, no time input. */
export interface MaskPredictor {
  /** Columns of the logits: the config's `embedding_size`, padding rows of the vocabulary included. */
  readonly logitCount: number;
  /** Most columns of a batch. */
  readonly maxLength: number;
  /**
   * Passes that may run at once, each on a core of its own: in the lanes from 1 to this number. None
   * when absent.
   */
  readonly sideLaneCount?: number;
  /**
   * One forward pass: a row's logits follow from its ids, and of a span from its context's ids too.
   *
   * Keys and values of a batch's `contextRows` are kept for spans to come, as long as there is room; of
   * a context that is not kept they are computed again. Each lane keeps its own. Only the time tells the
   * difference.
   *
   * @param batch Not to be changed before the answer is there.
   * @param lane {@link WHOLE_LANE}, the default, takes the whole machine; passes of one lane follow each
   *   other.
   * @returns Logits or choices of the candidates, in their order, owned by the caller. A row's answer is
   *   bit-identical whatever other rows are in the batch, in every lane, and whether its context was kept
   *   or not.
   * @throws {ApiError} `session_failed` if the runtime fails; the predictor stays usable.
   */
  predict(batch: CanvasBatch, lane?: number): Promise<BatchAnswer>;
  /** Frees the session; pending predictions reject with `session_failed`. */
  close(): Promise<void>;
}
