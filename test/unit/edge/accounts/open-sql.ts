import { DatabaseSync } from "node:sqlite";
import { migrate } from "../../../../edge/accounts/account-schema.ts";
import type { Sql } from "../../../../edge/accounts/sql.ts";

/** SQLite as a Durable Object offers it, and its transactions. */
export interface TestSql extends Sql {
  transact<Result>(act: () => Result): Result;
}

/** An account's tables, empty. */
export function openSql(): TestSql {
  const database = new DatabaseSync(":memory:");
  const prepared = new Map<string, ReturnType<DatabaseSync["prepare"]>>();
  const sql: TestSql = {
    exec(query, ...bindings) {
      // As in a Durable Object, only a query of several statements runs without preparing.
      if (query.includes(";")) {
        database.exec(query);
        return { toArray: () => [] };
      }
      const statement = prepared.get(query) ?? database.prepare(query);
      prepared.set(query, statement);
      const rows = statement.all(...bindings);
      return { toArray: () => rows as ReturnType<ReturnType<Sql["exec"]>["toArray"]> };
    },
    transact(act) {
      database.exec("BEGIN");
      try {
        const result = act();
        database.exec("COMMIT");
        return result;
      } catch (error) {
        database.exec("ROLLBACK");
        throw error;
      }
    },
  };
  migrate(sql);
  return sql;
}
