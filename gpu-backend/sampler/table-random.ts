import type { RandomSource } from "./random-source.ts";

/** One step's draws for all rows of a batch, written out. */
export type NoiseStep =
  | {
      readonly kind: "gumbel";
      /** `[rows, columns, vocabulary]`, in (0, 1). */
      readonly uniform: readonly (readonly (readonly number[])[])[];
    }
  | {
      readonly kind: "random";
      /** `[rows, columns]`, in [0, 1). */
      readonly uniform: readonly (readonly number[])[];
    };

/**
 * A random source that reads its draws from a table, so that a run can be repeated elsewhere.
 *
 * @param noise In the order of the steps; the two kinds are counted apart.
 * @param row The batch row whose draws are read.
 * @returns Draws outside the table are NaN; the caller checks its shape first.
 */
export function createTableRandom(noise: readonly NoiseStep[], row: number): RandomSource {
  const gumbel = noise.filter((entry) => entry.kind === "gumbel");
  const random = noise.filter((entry) => entry.kind === "random");
  return {
    seed: null,
    gumbelUniform: (step, column, vocabularyId) =>
      gumbel[step]?.uniform[row]?.[column]?.[vocabularyId] ?? Number.NaN,
    confidence: (step, column) => random[step]?.uniform[row]?.[column] ?? Number.NaN,
  };
}
