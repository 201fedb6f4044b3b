/** Lists the memory of the typed arrays among the fields, to be transferred between threads; once each. */
export function listBuffers(...records: readonly (object | null | undefined)[]): ArrayBuffer[] {
  const values = records.flatMap((record) => Object.values(record ?? {}));
  const buffers = values.filter(ArrayBuffer.isView).map(({ buffer }) => buffer as ArrayBuffer);
  return [...new Set(buffers)];
}
