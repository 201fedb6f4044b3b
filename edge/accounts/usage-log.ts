import type { UsageLine } from "#shared/contracts/billing.ts";
import { tierSchema } from "#shared/contracts/tier-names.ts";
import type { Settlement } from "./hold.ts";
import { numberOf, type Sql, textOf } from "./sql.ts";

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

  /** Lines of the last `days` days, newest first. */
  list(days: number, nowMs: number): UsageLine[] {
    return this.#sql
      .exec(
        "SELECT * FROM usage_day WHERE date > ? ORDER BY date DESC, model, tier, key_id",
        toDate(nowMs - days * DAY_MS),
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

/** The UTC day. */
function toDate(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 10);
}
