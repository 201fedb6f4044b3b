/** Arrays that hold one value per column. */
type ColumnValues = Int32Array | Uint8Array | Float32Array;

/**
 * A copy of `values` with `count` times `value` before `column`.
 *
 * @param column 0 to `values.length`; there, at the end.
 */
export function insertColumns<Values extends ColumnValues>(
  values: Values,
  column: number,
  count: number,
  value: number,
): Values {
  const longer = new (values.constructor as new (length: number) => Values)(values.length + count);
  longer.set(values.subarray(0, column));
  longer.fill(value, column, column + count);
  longer.set(values.subarray(column), column + count);
  return longer;
}
