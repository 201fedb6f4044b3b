/** Cosines and sines of the rotary embedding, each `[length, headSize / 2]` row-major float32. */
export interface RotaryTable {
  readonly cosines: Float32Array;
  readonly sines: Float32Array;
}

/**
 * Computes the rotary embedding's angles, position times theta^(-2i / headSize).
 *
 * Rounds to float32 where the published code does, so that angles at high positions agree with it.
 */
export function createRotaryTable(length: number, headSize: number, theta: number): RotaryTable {
  const half = headSize / 2;
  const frequencies = Float32Array.from({ length: half }, (_, i) => {
    const power = Math.fround(theta ** Math.fround((2 * i) / headSize));
    return 1 / power;
  });
  const cosines = new Float32Array(length * half);
  const sines = new Float32Array(length * half);
  for (let position = 0; position < length; position += 1) {
    for (const [i, frequency] of frequencies.entries()) {
      const angle = Math.fround(position * frequency);
      cosines[position * half + i] = Math.cos(angle);
      sines[position * half + i] = Math.sin(angle);
    }
  }
  return { cosines, sines };
}
