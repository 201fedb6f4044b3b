import { describe, it } from "vitest";
import { AccountStore } from "../../../../edge/accounts/account-store.ts";
import { EntryLog } from "../../../../edge/accounts/entry-log.ts";
import { findBrokenEntry } from "../../../../shared/contracts/ledger-chain.ts";
import { openSql } from "./open-sql.ts";

describe("an entry that is rolled back", () => {
  it("leaves the chain as if it had never been", ({ expect }) => {
    const sql = openSql();
    const account = { accountId: "acct_1", name: null, plan: "free" as const, createdAt: 0 };
    new AccountStore(sql).insertAccount(account);
    const log = new EntryLog(sql);
    const append = (reference: string, amount: number, balanceAfter: number) =>
      log.append({ kind: "top_up", amount, balanceAfter, reference }, 0);
    append("first", 1_000, 1_000);
    const fail = () => {
      append("undone", 500, 1_500);
      throw new Error("undone");
    };
    expect(() => sql.transact(fail)).toThrow("undone");
    log.forget();
    append("second", 70, 1_070);
    append("third", 1, 1_071);
    const entries = log.list(null, 10).reverse();
    expect(entries.map(({ sequence, reference }) => [sequence, reference])).toEqual([
      [1, "first"],
      [2, "second"],
      [3, "third"],
    ]);
    expect(findBrokenEntry(entries, "acct_1")).toBe(null);
  });
});
