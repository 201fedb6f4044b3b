import { describe, it } from "vitest";
import { AccountStore } from "../../../../edge/accounts/account-store.ts";
import { Ledger } from "../../../../edge/accounts/ledger.ts";
import { Outbox } from "../../../../edge/accounts/outbox.ts";
import { openSql } from "./open-sql.ts";

describe("an outbox", () => {
  it("has each entry from the transaction that wrote it until it is sent", ({ expect }) => {
    const sql = openSql();
    const account = { accountId: "acct_1", name: null, plan: "free" as const, createdAt: 0 };
    new AccountStore(sql).insertAccount(account);
    const ledger = new Ledger(sql, {
      holdMs: 1_000,
      receiptGraceMs: 1_000,
      reportGraceMs: 1_000,
    });
    const outbox = new Outbox(sql);
    expect(outbox.hasAny()).toBe(false);
    expect(() =>
      sql.transact(() => {
        ledger.credit("credit", 500, "start", 0);
        throw new Error("undone");
      }),
    ).toThrow("undone");
    expect(outbox.hasAny()).toBe(false);
    ledger.forget();
    ledger.credit("top_up", 500, "evt_1", 5);
    const wish = { requestId: "gen_1", keyId: "key_1", model: "m", tier: "fast" as const };
    ledger.reserve({ ...wish, maxStepUnits: 10, unitPrice: 10, attempt: 1 }, 6);
    ledger.capture("gen_1", 4, 7);
    const messages = outbox.read(10);
    expect(messages).toMatchObject([
      { account_id: "acct_1", sequence: 1, kind: "top_up", amount: 500, key_id: null },
      { sequence: 2, kind: "charge", amount: -40, key_id: "key_1", tier: "fast", step_units: 4 },
    ]);
    outbox.remove(messages.slice(0, 1));
    expect(outbox.read(10)).toEqual(messages.slice(1));
    // Told again, it is no new entry.
    ledger.credit("top_up", 500, "evt_1", 9);
    outbox.remove(messages);
    expect(outbox.hasAny()).toBe(false);
  });
});
