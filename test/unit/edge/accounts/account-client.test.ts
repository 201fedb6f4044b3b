import { describe, it } from "vitest";
import {
  AccountClient,
  type AccountStub,
  toRefusalError,
} from "../../../../edge/accounts/account-client.ts";
import type { Refusal } from "../../../../edge/accounts/admission.ts";

const refusal: Refusal = {
  code: "balance_held",
  message: "Wait.",
  param: null,
  retryAfterMs: 1_500,
  metadata: { limit_source: "account" },
};

/** An account whose calls fail in turn with `failures`, then answer. */
function createClient(failures: Error[]): { client: AccountClient; stubCount: () => number } {
  let stubCount = 0;
  const findAccount = (): AccountStub => {
    stubCount++;
    const answer = async <Value>(value: Value): Promise<Value> => {
      const failure = failures.shift();
      if (failure !== undefined) throw failure;
      return value;
    };
    return {
      createAccount: () => answer(undefined),
      createKey: () => answer(undefined),
      listKeys: () => answer([]),
      rotateKey: () => answer(null),
      updateKey: () => answer(null),
      revokeKey: () => answer(null),
      credit: () => answer(null),
      authorizeKey: () => answer({ accepted: false, code: "invalid_api_key" }),
      admit: () => answer({ outcome: "refused", refusal, limits: null }),
      dispatch: () => answer(true),
      settle: () => answer(null),
      release: () => answer(null),
      expire: () => answer(undefined),
      readLedger: () => answer({ purse: { balance: 0, held: 0 }, entries: [] }),
      readUsage: () => answer({ purse: { balance: 0, held: 0 }, lines: [] }),
      sumEntries: () => answer({ blocks: [], isWaiting: false }),
      resendEntries: () => answer(undefined),
    };
  };
  return { client: new AccountClient(findAccount), stubCount: () => stubCount };
}

const passing = () => Object.assign(new Error("The object moved."), { retryable: true });
const busy = () => Object.assign(new Error("Too busy."), { retryable: true, overloaded: true });

describe("a call to an account", () => {
  it("is made again, over a new stub, after a passing failure", async ({ expect }) => {
    const { client, stubCount } = createClient([passing()]);
    expect(await client.listKeys("acct_1", null, 1)).toEqual([]);
    expect(stubCount()).toBe(2);
  });

  it("is made twice at most", async ({ expect }) => {
    const { client, stubCount } = createClient([passing(), passing(), passing()]);
    await expect(client.listKeys("acct_1", null, 1)).rejects.toThrow("The object moved.");
    expect(stubCount()).toBe(2);
  });

  it("is not made again when the account is overloaded, or for any other failure", async ({
    expect,
  }) => {
    const overloaded = createClient([busy()]);
    await expect(overloaded.client.listKeys("acct_1", null, 1)).rejects.toMatchObject({
      code: "overloaded",
      retryAfterSeconds: 1,
    });
    const broken = createClient([new TypeError("A bug.")]);
    await expect(broken.client.listKeys("acct_1", null, 1)).rejects.toThrow("A bug.");
    expect([overloaded.stubCount(), broken.stubCount()]).toEqual([1, 1]);
  });

  it("finds no key to revoke where there is none", async ({ expect }) => {
    const { client } = createClient([]);
    await expect(client.revokeKey("acct_1", "key_9")).rejects.toMatchObject({ code: "not_found" });
  });

  it("puts no money into an account that is not there", async ({ expect }) => {
    const { client } = createClient([]);
    const credit = { kind: "credit" as const, amount: 1, reference: "a" };
    await expect(client.credit("acct_1", credit)).rejects.toMatchObject({ code: "not_found" });
  });
});

describe("a refusal", () => {
  it("is told with its figures and the time to wait", ({ expect }) => {
    expect(toRefusalError(refusal)).toMatchObject({
      status: 402,
      code: "balance_held",
      retryAfterSeconds: 1.5,
      metadata: { limit_source: "account" },
    });
    expect(toRefusalError({ ...refusal, retryAfterMs: null }).retryAfterSeconds).toBeNull();
  });
});
