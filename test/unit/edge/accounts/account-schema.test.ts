import { DatabaseSync } from "node:sqlite";
import { describe, it } from "vitest";
import { migrate } from "../../../../edge/accounts/account-schema.ts";
import { Ledger } from "../../../../edge/accounts/ledger.ts";
import { Outbox } from "../../../../edge/accounts/outbox.ts";
import type { Sql } from "../../../../edge/accounts/sql.ts";
import { UsageLog } from "../../../../edge/accounts/usage-log.ts";
import { openSql } from "./open-sql.ts";

describe("an account's tables", () => {
  it("are made once, however often the object wakes", ({ expect }) => {
    const sql = openSql();
    const tables = () => sql.exec("SELECT name, sql FROM sqlite_schema ORDER BY name").toArray();
    const before = tables();
    migrate(sql);
    expect(tables()).toEqual(before);
  });

  it("take over what an account of the first release has", ({ expect }) => {
    const database = new DatabaseSync(":memory:");
    database.exec(`CREATE TABLE account (
        account_id TEXT PRIMARY KEY, name TEXT, created_at INTEGER NOT NULL
      ) STRICT;
      CREATE TABLE api_key (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT, key_id TEXT NOT NULL UNIQUE,
        secret_hash TEXT NOT NULL, name TEXT, scope TEXT NOT NULL, last_four TEXT NOT NULL,
        created_at INTEGER NOT NULL, expires_at INTEGER, revoked_at INTEGER
      ) STRICT;
      INSERT INTO account VALUES ('acct_1', 'Ada', 0);
      INSERT INTO api_key (key_id, secret_hash, scope, last_four, created_at)
        VALUES ('key_1', 'hash', 'inference', 'abcd', 0);`);
    migrate({
      exec(query, ...bindings) {
        if (query.includes(";")) database.exec(query);
        const rows = query.includes(";") ? [] : database.prepare(query).all(...bindings);
        return { toArray: () => rows as Record<string, string | number | null>[] };
      },
    });
    expect(database.prepare("SELECT plan FROM account").get()).toEqual({ plan: "free" });
    expect(database.prepare("SELECT balance, held FROM purse").get()).toEqual({
      balance: 0,
      held: 0,
    });
    expect(database.prepare("SELECT budget_id, spent, held FROM api_key").get()).toEqual({
      budget_id: "key_1",
      spent: 0,
      held: 0,
    });
  });

  it("keep what was used before keys were noted, for no key", ({ expect }) => {
    const sql = openSql();
    const noted = 9;
    sql.exec(`DELETE FROM migration WHERE version > ${noted};
      DROP INDEX hold_open;
      CREATE INDEX hold_state ON hold (state);
      DROP TABLE usage_day;
      CREATE TABLE usage_day (
        date TEXT NOT NULL, model TEXT NOT NULL, tier TEXT NOT NULL, requests INTEGER NOT NULL,
        step_units INTEGER NOT NULL, cost INTEGER NOT NULL, PRIMARY KEY (date, model, tier)
      ) STRICT;
      INSERT INTO usage_day VALUES ('1970-01-01', 'model', 'draft', 2, 8, 80);`);
    migrate(sql);
    const line = { date: "1970-01-01", model: "model", tier: "draft" };
    const sums = { requests: 2, step_units: 8, cost: 80 };
    expect(new UsageLog(sql).list({ days: 1, after: null, limit: 9 }, 0)).toEqual([
      { ...line, key_id: null, ...sums },
    ]);
  });

  it("are asked by what is due or open, never read whole, each time the object wakes", ({
    expect,
  }) => {
    const sql = openSql();
    const queries: string[] = [];
    const watched: Sql = {
      exec(query, ...bindings) {
        queries.push(query);
        return sql.exec(query, ...bindings);
      },
    };
    const lifetimes = { holdMs: 1, receiptGraceMs: 1, reportGraceMs: 1 };
    const ledger = new Ledger(watched, lifetimes);
    ledger.sweep(0);
    ledger.nextDueAt();
    ledger.countOpen();
    ledger.countOpenOf("key_1");
    new Outbox(watched).read(1);
    const steps = queries.flatMap((query) => {
      const nothing = Array.from(query.matchAll(/\?/g), () => null);
      return sql.exec(`EXPLAIN QUERY PLAN ${query}`, ...nothing).toArray();
    });
    const plans = steps.map((step) => String(step["detail"]));
    expect(plans.filter((plan) => /^SCAN (entry|hold)$/.test(plan))).toEqual([]);
    const ofHolds = plans.filter((plan) => /^(SCAN|SEARCH) hold/.test(plan));
    expect(ofHolds.length).toBeGreaterThan(5);
    for (const plan of ofHolds) expect(plan).toMatch(/hold_due|hold_open|request_id=\?/);
  });
});
