import type { UsageLine } from "#shared/contracts/billing.ts";
import { tierSchema } from "#shared/contracts/tier-names.ts";
import type { Settlement } from "./hold.ts";
import { numberOf, type Sql, textOf } from "./sql.ts";

/** Which lines are asked for. */
export interface UsagePage {
  /** Up to today, today counted. */
  readonly days: number;
  /** Id of the last line already seen. */
  readonly after: string | null;
  readonly limit: number;
}

const DAY_MS = 24 * 60 * 60 * 1000;

/** What an account used, by day, model, tier and key; written with each charge. */
export class UsageLog {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Adds a charge to its day. */
  add({ model, tier, keyId, stepUnits, cost }: Settlement, nowMs: number): void {
    this.#sql.exec(
      `INSERT INTO usage_day (date, model, tier, key_id, requests, step_units, cost)
       VALUES (?, ?, ?, ?, 1, ?, ?)
       ON CONFLICT (date, model, tier, key_id) DO UPDATE SET requests = requests + 1,
         step_units = step_units + excluded.step_units, cost = cost + excluded.cost`,
      toDate(nowMs),
      model,
      tier,
      keyId,
      stepUnits,
      cost,
    );
  }

  /** Lines, newest day first. */
  list({ days, after, limit }: UsagePage, nowMs: number): UsageLine[] {
    // Before the first line there is the end of time.
    const [date = "9", tier = "", keyId = "", ...model] = after?.split("/") ?? [];
    return this.#sql
      .exec(
        `SELECT * FROM usage_day
         WHERE date > ? AND (date < ? OR date = ? AND (model, tier, key_id) > (?, ?, ?))
         ORDER BY date DESC, model, tier, key_id LIMIT ?`,
        toDate(nowMs - days * DAY_MS),
        date,
        date,
        model.join("/"),
        tier,
        keyId,
        limit,
      )
      .toArray()
      .map((row) => ({
        date: textOf(row, "date"),
        model: textOf(row, "model"),
        tier: tierSchema.parse(row["tier"]),
        key_id: textOf(row, "key_id") || null,
        requests: numberOf(row, "requests"),
        step_units: numberOf(row, "step_units"),
        cost: numberOf(row, "cost"),
      }));
  }
}

/** The line's id: a model's may contain anything, and comes last. */
export function toUsageLineId({ date, tier, key_id: keyId, model }: UsageLine): string {
  return `${date}/${tier}/${keyId ?? ""}/${model}`;
}

/** The UTC day. */
function toDate(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 10);
}
