/** The table for reports, held against an account's own entries. */
import {
  BLOCK_LENGTH,
  type BlockSum,
  type Reconciliation,
} from "#shared/contracts/reconciliation.ts";

const SUMS = `SELECT (sequence - 1) / ${BLOCK_LENGTH} AS block, COUNT(*) AS count,
  SUM(amount) AS amount FROM usage WHERE account_id = ? GROUP BY block`;

/** What the table has of an account, by block. */
export async function sumRows(database: D1Database, accountId: string): Promise<BlockSum[]> {
  const { results } = await database.prepare(SUMS).bind(accountId).run<BlockSum & object>();
  return results.map(({ block, count, amount }) => ({ block, count, amount }));
}

/** The blocks that are not the same in both. */
export function findDifferences(
  entries: readonly BlockSum[],
  rows: readonly BlockSum[],
): Reconciliation["differences"] {
  const blocks = new Set([...entries, ...rows].map(({ block }) => block));
  return [...blocks]
    .sort((one, other) => one - other)
    .map((block) => {
      const nothing = { block, count: 0, amount: 0 };
      const entry = entries.find((sum) => sum.block === block) ?? nothing;
      const row = rows.find((sum) => sum.block === block) ?? nothing;
      return {
        first_sequence: block * BLOCK_LENGTH + 1,
        last_sequence: (block + 1) * BLOCK_LENGTH,
        entries: entry.count,
        rows: row.count,
        entries_amount: entry.amount,
        rows_amount: row.amount,
      };
    })
    .filter((sum) => sum.entries !== sum.rows || sum.entries_amount !== sum.rows_amount);
}
