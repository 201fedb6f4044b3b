/**
 * What the passes of a load have computed and how long they took, and so where its time went.
 *
 * Owns: the account, whose shares add up to the whole. Does not own: best rates (best-rates.ts), the load.
 */
import type { CanvasBatch } from "../../../gpu-backend/canvas/canvas-batch.ts";
import { lengthBucket } from "../../../gpu-backend/canvas/length-bucket.ts";
import { WHOLE_LANE } from "../../../gpu-backend/model-runner/mask-predictor.ts";
import type { ColumnShape } from "./best-rates.ts";

/** The passes of one shape, or of shapes so alike that one rate stands for them. */
export interface ShapeAccount {
  readonly shape: ColumnShape;
  /** Columns that the rows have. */
  needed: number;
  /** The same with the padding around them. */
  fed: number;
  rows: number;
  /** Columns that the output head ran on. */
  candidates: number;
}

/** Seconds of wall time; they add up to the load's. */
export interface TimeAccount {
  /** The needed columns, each shape at its best rate. */
  readonly needed: number;
  /** The padding beside them, at the same rates. */
  readonly padding: number;
  /** What the passes took beyond that: few rows, contexts computed again, memory that two cores share. */
  readonly slowerPasses: number;
  /** No request was there. */
  readonly noRequest: number;
  /** The rest: a core without a pass while there were requests, and the work between passes. */
  readonly betweenPasses: number;
}

/** Collects passes as they run. */
export class PassLedger {
  readonly #coreCount: number;
  readonly #maxLength: number;
  readonly #shapes = new Map<string, ShapeAccount>();
  #coreMs = 0;

  /**
   * @param coreCount Passes that run at once: what a pass in the whole lane counts for.
   * @param maxLength Most columns of a batch.
   */
  constructor(coreCount: number, maxLength: number) {
    this.#coreCount = coreCount;
    this.#maxLength = maxLength;
  }

  get shapes(): ShapeAccount[] {
    return [...this.#shapes.values()];
  }

  /** Begins a pass at `now`, milliseconds; what is returned ends it. */
  begin(batch: CanvasBatch, lane: number, now: () => number): () => void {
    const account = this.#accountOf(batch);
    account.needed += batch.attended.reduce((sum, isAttended) => sum + isAttended, 0);
    account.fed += batch.attended.length;
    account.rows += batch.rowCount;
    account.candidates += batch.candidateIndexes.length;
    const startedAt = now();
    return () => {
      this.#coreMs += (now() - startedAt) * (lane === WHOLE_LANE ? this.#coreCount : 1);
    };
  }

  /**
   * Divides the time of a load up.
   *
   * @param seconds Of all cores, from its first request to its last answer.
   * @param emptySeconds Of that, without any request.
   * @param rateOf Best columns per second of each of {@link shapes}.
   */
  divide(
    seconds: number,
    emptySeconds: number,
    rateOf: (account: ShapeAccount) => number,
  ): TimeAccount {
    const sum = (read: (account: ShapeAccount) => number) =>
      this.shapes.reduce((total, account) => total + read(account) / rateOf(account), 0);
    const needed = sum((account) => account.needed);
    const fed = sum((account) => account.fed);
    const inPasses = this.#coreMs / 1000 / this.#coreCount;
    return {
      needed,
      padding: fed - needed,
      slowerPasses: inPasses - fed,
      noRequest: emptySeconds,
      betweenPasses: seconds - emptySeconds - inPasses,
    };
  }

  /** A whole row counts as one of the next length that spans are padded to: so few rates are measured. */
  #accountOf({ length, context }: CanvasBatch): ShapeAccount {
    const shape = {
      length: context === undefined ? lengthBucket(length, this.#maxLength) : length,
      contextLength: context?.length ?? 0,
    };
    const key = `${shape.length}/${shape.contextLength}`;
    const account = this.#shapes.get(key) ?? {
      shape,
      needed: 0,
      fed: 0,
      rows: 0,
      candidates: 0,
    };
    this.#shapes.set(key, account);
    return account;
  }
}
