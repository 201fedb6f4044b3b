import { ApiError } from "#shared/contracts/errors.ts";

/**
 * The row without its prompt: every column that held a token at the start is masked, padding too.
 *
 * @param tokenIds `[length]`, the canvas now.
 * @param isGiven `[length]`: 1 where the column held a token at the start.
 */
export function unconditionalTokenIds(
  tokenIds: Int32Array,
  isGiven: Uint8Array,
  maskTokenId: number,
): Int32Array {
  return tokenIds.map((id, column) => (isGiven[column] === 1 ? maskTokenId : id));
}

/**
 * Unsupervised classifier-free guidance: `unconditional + (scale + 1) × (conditional − unconditional)`.
 *
 * @param rows The conditional row's logits, with guidance also the unconditional row's; float32.
 * @param size Values in each row.
 * @param scale 0 is no guidance.
 * @returns The conditional row's array, overwritten.
 * @throws {ApiError} `session_failed` if a row is missing, superfluous or of another size.
 */
export function guideLogits(
  rows: readonly Float32Array[],
  size: number,
  scale: number,
): Float32Array {
  const [conditional, unconditional] = rows;
  const expectedRows = scale > 0 ? 2 : 1;
  if (
    conditional === undefined ||
    rows.length !== expectedRows ||
    rows.some((row) => row.length !== size)
  ) {
    throw new ApiError("session_failed", "The network answered logits of an unexpected shape.");
  }
  if (unconditional === undefined) return conditional;
  const factor = scale + 1;
  for (let i = 0; i < size; i += 1) {
    const without = unconditional[i] as number;
    conditional[i] = without + factor * ((conditional[i] as number) - without);
  }
  return conditional;
}
