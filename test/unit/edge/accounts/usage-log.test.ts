import { describe, it } from "vitest";
import type { Settlement } from "../../../../edge/accounts/hold.ts";
import { toUsageLineId, UsageLog } from "../../../../edge/accounts/usage-log.ts";
import { usageLineIdSchema } from "../../../../shared/contracts/billing.ts";
import { openSql } from "./open-sql.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const NOW = Date.UTC(2026, 10, 24);

/** Charges on three days, of models whose names are as a customer's may be. */
function openLog(): UsageLog {
  const log = new UsageLog(openSql());
  for (const model of ["plain", "a/b", "a/b/c", "with space", "ö"]) {
    for (const tier of ["draft", "quality"] as const) {
      for (const keyId of ["key_1", "key_2"]) {
        for (const daysAgo of [0, 1, 2]) {
          const charge = { model, tier, keyId, stepUnits: 2, cost: 40 } as Settlement;
          log.add(charge, NOW - daysAgo * DAY_MS);
        }
      }
    }
  }
  return log;
}

describe("usage", () => {
  it.for([1, 2, 7, 59, 60, 61])(
    "is told whole by pages of %i, each line once",
    (limit, { expect }) => {
      const log = openLog();
      const all = log.list({ days: 3, after: null, limit: 1_000 }, NOW);
      expect(all).toHaveLength(60);
      const told: typeof all = [];
      for (let after: string | null = null; told.length < all.length; ) {
        const page = log.list({ days: 3, after, limit }, NOW);
        expect(page.length).toBe(Math.min(limit, all.length - told.length));
        told.push(...page);
        const last = page.at(-1);
        after = last === undefined ? null : usageLineIdSchema.parse(toUsageLineId(last));
      }
      expect(told).toEqual(all);
    },
  );

  it("is told newest day first, of as many days as were asked for", ({ expect }) => {
    const dates = (days: number) => {
      const lines = openLog().list({ days, after: null, limit: 1_000 }, NOW);
      return [...new Set(lines.map(({ date }) => date))];
    };
    expect(dates(1)).toEqual(["2026-11-24"]);
    expect(dates(3)).toEqual(["2026-11-24", "2026-11-23", "2026-11-22"]);
  });
});
