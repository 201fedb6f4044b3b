import { usageMessageSchema } from "#shared/contracts/usage-message.ts";

/** One statement for a message, however many entries it has. */
const INSERT = `INSERT OR IGNORE INTO usage (account_id, sequence, kind, amount, balance_after,
    reference, created_at, key_id, model, tier, step_units)
  SELECT value->>'account_id', value->>'sequence', value->>'kind', value->>'amount',
    value->>'balance_after', value->>'reference', value->>'created_at', value->>'key_id',
    value->>'model', value->>'tier', value->>'step_units' FROM json_each(?)`;

/**
 * Writes messages of the usage queue to the usage table, all or none. An entry that was written before
 * changes nothing.
 *
 * @returns How many were no messages and were left out.
 */
export async function writeUsage(
  database: D1Database,
  bodies: readonly unknown[],
): Promise<number> {
  const parsed = bodies.map((body) => usageMessageSchema.safeParse(body));
  const messages = parsed.flatMap(({ data }) => (data === undefined ? [] : [data]));
  const insert = database.prepare(INSERT);
  if (messages.length > 0) {
    await database.batch(messages.map((entries) => insert.bind(JSON.stringify(entries))));
  }
  return bodies.length - messages.length;
}
