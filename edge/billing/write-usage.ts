import { type UsageMessage, usageMessageSchema } from "#shared/contracts/usage-message.ts";

const INSERT = `INSERT OR IGNORE INTO usage (account_id, sequence, kind, amount, balance_after,
  reference, created_at, key_id, model, tier, step_units) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;

/**
 * Writes messages of the usage queue to the usage table, all or none. A message that was written
 * before changes nothing.
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
    await database.batch(messages.map((message) => insert.bind(...toValues(message))));
  }
  return bodies.length - messages.length;
}

function toValues(message: UsageMessage): (string | number | null)[] {
  return [
    message.account_id,
    message.sequence,
    message.kind,
    message.amount,
    message.balance_after,
    message.reference,
    message.created_at,
    message.key_id,
    message.model,
    message.tier,
    message.step_units,
  ];
}
