/**
 * What one network's predictions lose against another's; pure arithmetic in float64.
 *
 * Does not own: which positions are predicted (masked-windows.ts), running the networks.
 */

/** Means over positions; information in nats. */
export interface PredictionLoss {
  readonly positions: number;
  /** Share of positions where both have the same best token, in [0, 1]. */
  readonly argmaxAgreement: number;
  /** Kullback-Leibler divergence of the network from the reference. */
  readonly meanDivergence: number;
  /** Surprise at the hidden tokens. */
  readonly referenceCrossEntropy: number;
  readonly crossEntropy: number;
  /** Root of the summed squared differences of logits over the reference's summed squares. */
  readonly relativeRms: number;
}

/** Adds up pairs of logits. */
export class PredictionLossMeter {
  #positions = 0;
  #agreed = 0;
  #divergence = 0;
  #referenceCrossEntropy = 0;
  #crossEntropy = 0;
  #squaredDifference = 0;
  #squaredReference = 0;

  /**
   * Takes the logits of some positions.
   *
   * @param reference `[positions, logitCount]` row-major.
   * @param logits Same shape, of the network that is measured.
   * @param hiddenIds `[positions]`: the tokens that would have been right.
   */
  take(reference: Float32Array, logits: Float32Array, hiddenIds: Int32Array): void {
    const width = reference.length / hiddenIds.length;
    for (const [i, hiddenId] of hiddenIds.entries()) {
      const start = i * width;
      const rows = [reference, logits].map((all) => all.subarray(start, start + width));
      this.#takeRow(rows[0] ?? reference, rows[1] ?? logits, hiddenId);
    }
  }

  #takeRow(reference: Float32Array, logits: Float32Array, hiddenId: number): void {
    const referenceNorm = logSumExp(reference);
    const norm = logSumExp(logits);
    for (let id = 0; id < reference.length; id += 1) {
      const wanted = reference[id] ?? 0;
      const found = logits[id] ?? 0;
      const logRatio = wanted - referenceNorm - (found - norm);
      this.#divergence += Math.exp(wanted - referenceNorm) * logRatio;
      this.#squaredDifference += (wanted - found) ** 2;
      this.#squaredReference += wanted ** 2;
    }
    this.#positions += 1;
    this.#agreed += Number(argmax(reference) === argmax(logits));
    this.#referenceCrossEntropy += referenceNorm - (reference[hiddenId] ?? 0);
    this.#crossEntropy += norm - (logits[hiddenId] ?? 0);
  }

  /** The means so far; NaN before any position. */
  get result(): PredictionLoss {
    const mean = (sum: number): number => sum / this.#positions;
    return {
      positions: this.#positions,
      argmaxAgreement: mean(this.#agreed),
      meanDivergence: mean(this.#divergence),
      referenceCrossEntropy: mean(this.#referenceCrossEntropy),
      crossEntropy: mean(this.#crossEntropy),
      relativeRms: Math.sqrt(this.#squaredDifference / this.#squaredReference),
    };
  }
}

function logSumExp(logits: Float32Array): number {
  const peak = logits[argmax(logits)] ?? 0;
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - peak);
  return peak + Math.log(sum);
}

/** The first of equal maxima. */
function argmax(logits: Float32Array): number {
  let best = 0;
  for (let id = 1; id < logits.length; id += 1) {
    if ((logits[id] ?? 0) > (logits[best] ?? 0)) best = id;
  }
  return best;
}
