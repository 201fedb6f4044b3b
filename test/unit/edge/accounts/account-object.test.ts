/** What an account's object does when the queue that it tells is away. */
import { afterEach, describe, it, vi } from "vitest";
import type { AccountStub } from "../../../../edge/accounts/account-client.ts";
import { openSql } from "./open-sql.ts";

vi.mock("cloudflare:workers", () => ({
  DurableObject: class {
    readonly ctx: unknown;
    readonly env: unknown;
    constructor(ctx: unknown, env: unknown) {
      this.ctx = ctx;
      this.env = env;
    }
  },
}));
afterEach(() => {
  vi.restoreAllMocks();
});

/** More than go into one message. */
const ENTRY_COUNT = 1_000;

/** An object over rows and a queue of the test's own. */
async function openObject(send: (body: unknown) => Promise<void>) {
  // By a name that the compiler does not follow: the Worker's types are not this process's.
  const name = "account-object";
  const { AccountObject } = await import(`../../../../edge/accounts/${name}.ts`);
  const sql = openSql();
  const alarms: number[] = [];
  const storage = {
    sql,
    transactionSync: <Result>(act: () => Result) => sql.transact(act),
    setAlarm: async (at: number) => void alarms.push(at),
  };
  const bindings = { HOLD_LIFETIME_MS: "900000", RECEIPT_GRACE_MS: "900000" };
  const create = (): AccountStub & { alarm(): Promise<void> } =>
    new AccountObject({ storage }, { ...bindings, USAGE_QUEUE: { send } });
  return { create, alarms };
}

describe("an account whose queue is away", () => {
  it("keeps every entry, over its own restart too, and sends them when it is back", async ({
    expect,
  }) => {
    const complaints = vi.spyOn(console, "error").mockImplementation(() => undefined);
    let sendsLeft = 1;
    const sent: number[] = [];
    const { create, alarms } = await openObject(async (body) => {
      if (sendsLeft === 0) throw new TypeError("away");
      sendsLeft -= 1;
      for (const { sequence } of [body].flat() as { sequence: number }[]) sent.push(sequence);
    });
    const object = create();
    const account = { accountId: "acct_1", name: null, plan: "free" as const, createdAt: 0 };
    const key = {
      ...{ keyId: "key_1", secretHash: "hash", lastFour: "abcd", name: null, createdAt: 0 },
      ...{ scope: "management" as const, expiresAt: null, revokedAt: null, spendingLimit: null },
      ...{ concurrencyLimit: null, models: null, tiers: null },
    };
    await object.createAccount(account, key, null);
    for (let i = 0; i < ENTRY_COUNT; i += 1) {
      await object.credit({ kind: "credit", amount: 1, reference: `credit-${i}` });
    }
    // The first message is taken, no second one.
    const toldAt = Date.now();
    await object.alarm();
    expect(sent.length).toBeGreaterThan(0);
    expect(sent.length).toBeLessThan(ENTRY_COUNT);
    expect(String(complaints.mock.calls[0])).toContain("usage_not_sent");
    // It comes again by itself.
    expect(alarms.at(-1)).toBeGreaterThan(toldAt);
    sendsLeft = Number.POSITIVE_INFINITY;
    await create().alarm();
    expect(sent.toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: ENTRY_COUNT }, (_, i) => i + 1),
    );
    expect((await object.sumEntries()).isWaiting).toBe(false);
  });
});
