import { beforeEach, describe, it } from "vitest";
import { AccountStore, type NewKeyRecord } from "../../../../edge/accounts/account-store.ts";
import { openSql } from "./open-sql.ts";

function createKey(changes: Partial<NewKeyRecord> = {}): NewKeyRecord {
  return {
    keyId: "key_1",
    secretHash: "hash-1",
    name: null,
    scope: "inference",
    lastFour: "abcd",
    createdAt: 1_000,
    expiresAt: null,
    revokedAt: null,
    spendingLimit: null,
    concurrencyLimit: null,
    models: null,
    tiers: null,
    ...changes,
  };
}

let store: AccountStore;
beforeEach(() => {
  store = new AccountStore(openSql());
  store.insertAccount({ accountId: "acct_1", name: null, plan: "build", createdAt: 0 });
});

const present = (changes: Partial<Parameters<AccountStore["authorizeKey"]>[0]> = {}) => ({
  keyId: "key_1",
  secretHash: "hash-1",
  scopes: ["inference" as const],
  ...changes,
});

describe("a key", () => {
  it("is accepted for its scope, and by its secret alone", ({ expect }) => {
    store.insertKey(createKey());
    expect(store.authorizeKey(present(), 2_000)).toMatchObject({
      accepted: true,
      key: { keyId: "key_1", scope: "inference" },
      plan: "build",
    });
    const refused = { accepted: false, code: "invalid_api_key" };
    expect(store.authorizeKey(present({ secretHash: "hash-2" }), 2_000)).toEqual(refused);
    expect(store.authorizeKey(present({ keyId: "key_2" }), 2_000)).toEqual(refused);
    expect(store.authorizeKey(present({ scopes: ["management"] }), 2_000)).toEqual({
      accepted: false,
      code: "scope_not_allowed",
    });
  });

  it("tells whoever lacks its secret nothing of its scope", ({ expect }) => {
    store.insertKey(createKey());
    const stranger = present({ secretHash: "guess", scopes: ["management"] });
    expect(store.authorizeKey(stranger, 2_000)).toMatchObject({ code: "invalid_api_key" });
  });

  it("is refused from the millisecond of its expiry on", ({ expect }) => {
    store.insertKey(createKey({ expiresAt: 2_000 }));
    expect(store.authorizeKey(present(), 1_999).accepted).toBe(true);
    expect(store.authorizeKey(present(), 2_000).accepted).toBe(false);
  });

  it("stays revoked at the time of the first revocation", ({ expect }) => {
    store.insertKey(createKey());
    expect(store.revokeKey("key_1", 3_000)).toMatchObject({ revokedAt: 3_000 });
    expect(store.revokeKey("key_1", 4_000)).toMatchObject({ revokedAt: 3_000 });
    expect(store.authorizeKey(present(), 3_001)).toMatchObject({ code: "invalid_api_key" });
    expect(store.revokeKey("key_9", 4_000)).toBeNull();
  });

  it("that was judged before is refused at once when it is revoked or its overlap is over", ({
    expect,
  }) => {
    store.insertKey(createKey());
    store.insertKey(createKey({ keyId: "key_2" }));
    const second = present({ keyId: "key_2" });
    for (const key of [present(), second]) {
      expect(store.authorizeKey(key, 2_000).accepted).toBe(true);
    }
    store.revokeKey("key_1", 2_000);
    expect(store.authorizeKey(present(), 2_000).accepted).toBe(false);
    const successor = { keyId: "key_3", secretHash: "hash-3", lastFour: "wxyz", createdAt: 2_000 };
    store.rotateKey("key_2", successor, 100, 2_000);
    expect(store.authorizeKey(second, 2_099).accepted).toBe(true);
    expect(store.authorizeKey(second, 2_100).accepted).toBe(false);
  });

  it("that was judged before is judged by what was changed, while it is live", ({ expect }) => {
    store.insertKey(createKey({ name: "laptop", tiers: ["draft"] }));
    expect(store.authorizeKey(present(), 2_000)).toMatchObject({ key: { tiers: ["draft"] } });
    const changes = { tiers: null, concurrencyLimit: 2, expiresAt: 3_000 };
    const changed = store.updateKey("key_1", changes, 2_000);
    expect(changed).toMatchObject({ ...changes, name: "laptop", spendingLimit: null });
    expect(store.listKeys(null, 1)).toEqual([changed]);
    expect(store.authorizeKey(present(), 2_999)).toMatchObject({ key: changes });
    expect(store.authorizeKey(present(), 3_000).accepted).toBe(false);
    expect(store.updateKey("key_1", { expiresAt: null }, 3_000)).toBeNull();
    expect(store.updateKey("key_9", {}, 2_000)).toBeNull();
  });

  it("is judged by the rows again when a change to it was undone", ({ expect }) => {
    const sql = openSql();
    const subject = new AccountStore(sql);
    subject.insertAccount({ accountId: "acct_1", name: null, plan: "free", createdAt: 0 });
    const undo = () =>
      sql.transact(() => {
        subject.insertKey(createKey());
        expect(subject.authorizeKey(present(), 2_000).accepted).toBe(true);
        throw new Error("undone");
      });
    expect(undo).toThrow("undone");
    subject.forget();
    expect(subject.authorizeKey(present(), 2_000).accepted).toBe(false);
  });

  it("is kept as it was first told, however often it is told", ({ expect }) => {
    store.insertKey(createKey());
    store.revokeKey("key_1", 3_000);
    store.insertKey(createKey({ secretHash: "hash-2" }));
    expect(store.listKeys(null, 10)).toHaveLength(1);
    expect(store.authorizeKey(present(), 4_000).accepted).toBe(false);
  });
});

describe("a list of keys", () => {
  it("goes on behind the last one seen, in the order of their making", ({ expect }) => {
    for (const id of ["c", "a", "b"]) store.insertKey(createKey({ keyId: `key_${id}` }));
    const ids = (after: string | null, limit: number) =>
      store.listKeys(after, limit).map(({ keyId }) => keyId);
    expect(ids(null, 2)).toEqual(["key_c", "key_a"]);
    expect(ids("key_a", 2)).toEqual(["key_b"]);
    expect(ids("key_unknown", 2)).toEqual([]);
  });
});

describe("an account", () => {
  it("opens again on the rows it had", ({ expect }) => {
    const sql = openSql();
    const first = new AccountStore(sql);
    first.insertAccount({ accountId: "acct_1", name: "Ada", plan: "free", createdAt: 1_000 });
    first.insertAccount({ accountId: "acct_1", name: "Eve", plan: "scale", createdAt: 2_000 });
    first.insertKey(createKey());
    expect(new AccountStore(sql).listKeys(null, 10)).toHaveLength(1);
    expect(sql.exec("SELECT name FROM account").toArray()).toMatchObject([{ name: "Ada" }]);
  });
});
