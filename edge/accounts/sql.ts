/** The part of a Durable Object's SQLite that is used here, and its rows as values. */

type SqlValue = string | number | null | ArrayBuffer;

/** One row, by column name. */
export type SqlRow = Record<string, SqlValue>;

/** The part of `SqlStorage` that is used here. */
export interface Sql {
  exec(query: string, ...bindings: (string | number | null)[]): { toArray(): SqlRow[] };
}

/** A column of text. */
export function textOf(row: SqlRow, column: string): string {
  return String(row[column]);
}

/** A column of whole numbers. */
export function numberOf(row: SqlRow, column: string): number {
  return Number(row[column]);
}

/** A column of text that may be null. */
export function optionalTextOf(row: SqlRow, column: string): string | null {
  const value = row[column];
  return typeof value === "string" ? value : null;
}

/** A column of whole numbers that may be null. */
export function optionalNumberOf(row: SqlRow, column: string): number | null {
  const value = row[column];
  return typeof value === "number" ? value : null;
}
