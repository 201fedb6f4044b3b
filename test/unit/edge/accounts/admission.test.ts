/** What an account says no to: each refusal names its limit, and money and limits are never mixed. */
import { describe, it } from "vitest";
import { AccountStore, type KeyBounds } from "../../../../edge/accounts/account-store.ts";
import { type AdmissionOrder, admit } from "../../../../edge/accounts/admission.ts";
import { Claims } from "../../../../edge/accounts/claims.ts";
import { Ledger } from "../../../../edge/accounts/ledger.ts";
import { RateLimits } from "../../../../edge/accounts/rate-limits.ts";
import { ERROR_RULES } from "../../../../shared/contracts/errors.ts";
import { PLANS } from "../../../../shared/contracts/plans.ts";
import { openSql } from "./open-sql.ts";

const PRICE = 20;
const UNITS = 10;
/** What an ordinary order holds. */
const HOLD = PRICE * UNITS;
const MINUTE_MS = 60_000;
const LIFETIMES = { holdMs: 900_000, receiptGraceMs: 900_000, reportGraceMs: 30_000 };

/** An account on the plan `free`, and its only key. */
function openAccount(credit: number, bounds: Partial<KeyBounds> = {}) {
  const sql = openSql();
  const store = new AccountStore(sql);
  const ledger = new Ledger(sql, LIFETIMES);
  const parts = { store, ledger, limits: new RateLimits(sql), claims: new Claims(sql) };
  store.insertAccount({ accountId: "acct_1", name: null, plan: "free", createdAt: 0 });
  store.insertKey({
    ...{ keyId: "key_1", secretHash: "hash", name: null, scope: "inference", lastFour: "abcd" },
    ...{ createdAt: 0, expiresAt: null, revokedAt: null },
    ...{ spendingLimit: null, concurrencyLimit: null, models: null, tiers: null },
    ...bounds,
  });
  if (credit > 0) ledger.credit("credit", credit, "start", 0);
  let count = 0;
  return {
    ledger,
    ask(changes: Partial<AdmissionOrder> = {}, nowMs = 0) {
      count += 1;
      const presented = { keyId: "key_1", secretHash: "hash", scopes: ["inference" as const] };
      const order = {
        ...{ presented, requestId: `gen_${count}`, model: "model", tier: "balanced" as const },
        ...{ maxStepUnits: UNITS, listPrice: PRICE, maxPrice: null, claim: null },
        ...{ bodyBytes: 100, promptCharacters: 10 },
        ...changes,
      };
      return admit(parts, order, nowMs);
    },
  };
}

type Account = ReturnType<typeof openAccount>;

const ask = (count: number, account: Account, changes: Partial<AdmissionOrder> = {}) => {
  for (let i = 0; i < count; i += 1) account.ask(changes);
  return account.ask(changes);
};
/** Requests that run and end at once, so that only their number counts. */
const askAndEnd = (count: number, account: Account) => {
  for (let i = 1; i <= count; i += 1) {
    account.ask();
    account.ledger.release(`gen_${i}`, 0);
  }
  return account.ask();
};
const { maxConcurrency, requestsPerMinute, stepUnitsPerMinute, ...sizes } = PLANS.free;

const REFUSALS = [
  ["max_price_exceeded", "max_price", () => openAccount(HOLD).ask({ maxPrice: HOLD - 1 })],
  [
    "plan_limit_exceeded",
    "body_bytes",
    () => openAccount(HOLD).ask({ bodyBytes: 1 + sizes.maxBodyBytes }),
  ],
  [
    "plan_limit_exceeded",
    "prompt_characters",
    () => openAccount(HOLD).ask({ promptCharacters: 1 + sizes.maxPromptCharacters }),
  ],
  [
    "plan_limit_exceeded",
    "step_units",
    () => openAccount(1e9).ask({ maxStepUnits: 1 + stepUnitsPerMinute }),
  ],
  ["request_rate_exceeded", "requests", () => askAndEnd(requestsPerMinute, openAccount(1e9))],
  [
    "step_rate_exceeded",
    "steps",
    () => ask(1, openAccount(1e9), { maxStepUnits: 1 + stepUnitsPerMinute / 2 }),
  ],
  ["concurrency_exceeded", "concurrency", () => ask(maxConcurrency, openAccount(1e9))],
  ["concurrency_exceeded", "key", () => ask(2, openAccount(1e9, { concurrencyLimit: 2 }))],
  ["spending_limit_reached", "key", () => openAccount(1e9, { spendingLimit: HOLD - 1 }).ask()],
  ["balance_held", "key", () => ask(1, openAccount(1e9, { spendingLimit: 2 * HOLD - 1 }))],
  ["insufficient_balance", "account", () => openAccount(HOLD - 1).ask()],
  ["balance_held", "account", () => ask(1, openAccount(2 * HOLD - 1))],
] as const;

describe("a refusal", () => {
  it.for(REFUSALS)("by %s names '%s', and when to come back", ([code, source, ask], { expect }) => {
    const admission = ask();
    if (admission.outcome !== "refused") return expect.unreachable();
    const { refusal } = admission;
    expect(refusal).toMatchObject({ code, metadata: { limit_source: source } });
    const { status, isRetryable } = ERROR_RULES[code];
    // 402 is money and 429 a limit of time; what is never allowed is neither.
    const isMoney = ["account", "max_price"].includes(source) || /^(balance|spending)/.test(code);
    expect(status === 402).toBe(isMoney);
    expect(refusal.retryAfterMs !== null).toBe(isRetryable);
    expect(refusal.retryAfterMs ?? 1).toBeGreaterThan(0);
    expect(refusal.retryAfterMs ?? 1).toBeLessThanOrEqual(MINUTE_MS);
  });

  it.for(["request_rate_exceeded", "step_rate_exceeded"] as const)(
    "by %s is over when it said so, and no sooner",
    (code, { expect }) => {
      const account = openAccount(1e9);
      const changes = code === "step_rate_exceeded" ? { maxStepUnits: stepUnitsPerMinute / 2 } : {};
      let admission = account.ask(changes);
      for (let i = 1; admission.outcome === "admitted"; i += 1) {
        account.ledger.release(`gen_${i}`, 0);
        admission = account.ask(changes);
      }
      if (admission.outcome !== "refused") return expect.unreachable();
      const waitMs = admission.refusal.retryAfterMs ?? 0;
      expect(account.ask(changes, waitMs - 1).outcome).toBe("refused");
      expect(account.ask(changes, waitMs).outcome).toBe("admitted");
    },
  );

  it("holds, counts and claims nothing", ({ expect }) => {
    const account = openAccount(HOLD);
    const before = account.ask({ maxPrice: 1 });
    for (let i = 0; i < 100; i += 1) account.ask({ maxPrice: 1 });
    expect(account.ask({ maxPrice: 1 })).toEqual(before);
    expect(account.ledger.readPurse()).toEqual({ balance: HOLD, held: 0 });
    expect(account.ask().outcome).toBe("admitted");
  });
});
