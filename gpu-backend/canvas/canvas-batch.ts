/** Canvas rows of one length, packed for one forward pass. */
export interface CanvasBatch {
  readonly rowCount: number;
  /** Columns of every row, padding included. */
  readonly length: number;
  /** `[rowCount, length]` row-major. */
  readonly tokenIds: Int32Array;
  /** `[rowCount, length]`: 1 where the column is attended to, 0 where it is padding. */
  readonly attended: Uint8Array;
  /** Flat indexes `row * length + column` whose logits are wanted, ascending; may be empty. */
  readonly candidateIndexes: Int32Array;
}
