import type { CandidateSet } from "./candidate-scan.ts";

/** How a canvas changed its length. */
export type CanvasResize =
  /** `count` columns that hold `tokenId` came in before `column`. */
  | {
      readonly kind: "insert";
      readonly column: number;
      readonly count: number;
      readonly tokenId: number;
    }
  /** The columns from `length` on were dropped. */
  | { readonly kind: "truncate"; readonly length: number };

/**
 * What one denoising step did. The four candidate arrays run in parallel, ascending by column. All
 * columns are those before `resize`, which comes last.
 */
export interface DenoisingStep extends CandidateSet {
  /** Block, from 0; the number of blocks in a revision step. */
  readonly block: number;
  /** Step inside the block, from 0. */
  readonly blockStep: number;
  /** Step over the whole run, from 0. */
  readonly step: number;
  /** Columns that the decoder chose from or that the schedule gave to this step; may be 0. */
  readonly quota: number;
  /** Columns written, ascending; a predicted mask id is written too and leaves its column masked. */
  readonly selected: Int32Array;
  /** The written columns that hold a token from now on, ascending. Only revision changes them again. */
  readonly committed: Int32Array;
  /** Committed columns that revision masked again, ascending; predicted anew in the next step. */
  readonly remasked: Int32Array;
  /** Null where the canvas kept its length. */
  readonly resize: CanvasResize | null;
  /** Masks left on the whole canvas. */
  readonly maskedCount: number;
  /** Rows fed to the network so far, this step's included; a part of a row counts as a row. */
  readonly forwardPasses: number;
  /** What was fed of each row; under a cache a block's later steps feed a part. */
  readonly forward: "full" | "prefix" | "dual";
  /** Columns fed of each row. */
  readonly fedColumns: number;
}
