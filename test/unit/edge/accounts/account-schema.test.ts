import { DatabaseSync } from "node:sqlite";
import { describe, it } from "vitest";
import { migrate } from "../../../../edge/accounts/account-schema.ts";
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

  it("count open holds without reading the settled ones", ({ expect }) => {
    const query = "SELECT COUNT(*) AS count FROM hold WHERE state IN ('reserved', 'dispatched')";
    const plan = openSql().exec(`EXPLAIN QUERY PLAN ${query}`).toArray();
    expect(JSON.stringify(plan)).toContain("hold_state");
  });
});
