import { AccountStore } from "../../../../edge/accounts/account-store.ts";
import { EntryLog } from "../../../../edge/accounts/entry-log.ts";
import { type HoldOrder, Ledger } from "../../../../edge/accounts/ledger.ts";
import { openSql, type TestSql } from "./open-sql.ts";

export const HOLD_MS = 1_000;
export const GRACE_MS = 500;
export const REPORT_MS = 50;

/** An account's rows, and a ledger over them. */
export function openLedger() {
  const sql = openSql();
  const account = { accountId: "acct_1", name: null, plan: "free" as const, createdAt: 0 };
  new AccountStore(sql).insertAccount(account);
  return { sql, ledger: wakeLedger(sql) };
}

/** A ledger that remembers nothing yet. */
export function wakeLedger(sql: TestSql): Ledger {
  const lifetimes = { holdMs: HOLD_MS, receiptGraceMs: GRACE_MS, reportGraceMs: REPORT_MS };
  return new Ledger(sql, lifetimes);
}

/** Oldest first. */
export function listEntries(sql: TestSql) {
  return new EntryLog(sql).list(null, 100_000).reverse();
}

export function order(requestId: string, maxStepUnits = 10, attempt: 0 | 1 = 0): HoldOrder {
  const bounds = { maxStepUnits, unitPrice: 20, attempt };
  return { requestId, keyId: "key_1", model: "model", tier: "balanced", ...bounds };
}
