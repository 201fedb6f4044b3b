import type { CheckpointConfig } from "../../../gpu-backend/model/checkpoint-config.ts";

/** A forward pass, as far as its cost goes. */
export interface PassSize {
  readonly rows: number;
  /** Columns of each row that are fed. */
  readonly length: number;
  /** Columns of each row that are attended to; `length` where whole rows are fed. */
  readonly attended: number;
  /** Columns of each row that an answer is wanted for. */
  readonly candidates: number;
}

/**
 * Multiplications and additions that a pass cannot do without: all layers on all fed columns, but in the
 * last one keys and values only where no answer is wanted, and the output head where one is.
 *
 * What an implementation computes beyond that earns it nothing.
 */
export function countOperations(config: CheckpointConfig, pass: PassSize): number {
  const { modelSize, kvHeadCount, headSize, mlpHiddenSize, layerCount, embeddingSize } = config;
  const kvProjections = 4 * modelSize * kvHeadCount * headSize;
  // Queries, attention output, the three products of the feed-forward network, scores and mixing.
  const perQuery =
    4 * modelSize ** 2 + 6 * modelSize * mlpHiddenSize + 4 * pass.attended * modelSize;
  const fed = layerCount * kvProjections + (layerCount - 1) * perQuery;
  const wanted = perQuery + 2 * modelSize * embeddingSize;
  return pass.rows * (pass.length * fed + pass.candidates * wanted);
}
