import { afterAll, beforeAll, describe, it } from "vitest";
import {
  apiKeyListSchema,
  apiKeySchema,
  createdAccountSchema,
  createdApiKeySchema,
} from "../../shared/contracts/accounts.ts";
import { createTestAccount, readError, startTestEdge, type TestEdge } from "./edge-harness.ts";
import { testRouteSecurity } from "./route-security.ts";
import { type ScriptedNode, startScriptedNode } from "./scripted-node.ts";
import { TEST_SECRETS } from "./test-secrets.ts";

let node: ScriptedNode;
let edge: TestEdge;
beforeAll(async () => {
  node = await startScriptedNode();
  edge = await startTestEdge([node.url]);
});
afterAll(() => Promise.all([edge?.stop(), node?.stop()]));

describe("an account", () => {
  it("is opened by the operator, with a management key", async ({ expect }) => {
    const response = await edge.send("POST", "/v1/accounts", {
      key: TEST_SECRETS.OPERATOR_SECRET,
      json: { name: "Ada" },
    });
    expect(response.status).toBe(201);
    const account = createdAccountSchema.parse(await response.json());
    expect(account).toMatchObject({
      name: "Ada",
      management_key: expect.stringMatching(/^unm_test_/),
    });
    const listed = await edge.send("GET", "/v1/keys", { key: account.management_key });
    const { data } = apiKeyListSchema.parse(await listed.json());
    expect(data).toMatchObject([{ id: account.management_key_id, scope: "management" }]);
  });

  it("is opened by nobody else", async ({ expect }) => {
    const { managementKey } = await createTestAccount(edge);
    for (const key of [managementKey, "guess"]) {
      const error = await readError(await edge.send("POST", "/v1/accounts", { key, json: {} }));
      expect(error).toMatchObject({ status: 401, code: "invalid_api_key" });
    }
    const error = await readError(await edge.send("POST", "/v1/accounts", { json: {} }));
    expect(error).toMatchObject({ status: 401, code: "missing_api_key" });
  });
});

describe("a key", () => {
  it("is told once, and listed without its secret", async ({ expect }) => {
    const { managementKey } = await createTestAccount(edge);
    const json = { name: "laptop", expires_at: "2100-01-01T00:00:00+01:00" };
    const response = await edge.send("POST", "/v1/keys", { key: managementKey, json });
    expect(response.status).toBe(201);
    const { key, ...shown } = createdApiKeySchema.parse(await response.json());
    expect(shown).toMatchObject({
      name: "laptop",
      scope: "inference",
      last_four: key.slice(-4),
      expires_at: "2099-12-31T23:00:00.000Z",
      revoked_at: null,
    });
    const listed = await (await edge.send("GET", "/v1/keys", { key: managementKey })).text();
    expect(apiKeyListSchema.parse(JSON.parse(listed)).data).toContainEqual(shown);
    expect(listed).not.toContain(key.split("_").at(-1));
  });

  it("is listed page by page", async ({ expect }) => {
    const { managementKey: key } = await createTestAccount(edge);
    await edge.send("POST", "/v1/keys", { key, json: {} });
    const ids: string[] = [];
    let query = "?limit=2";
    for (let hasMore = true; hasMore; ) {
      const page = await edge.send("GET", `/v1/keys${query}`, { key });
      const { data, has_more, last_id } = apiKeyListSchema.parse(await page.json());
      ids.push(...data.map(({ id }) => id));
      hasMore = has_more;
      query = `?limit=2&after=${last_id}`;
    }
    expect(ids).toHaveLength(3);
    expect(new Set(ids).size).toBe(3);
    const error = await readError(await edge.send("GET", "/v1/keys?limit=0", { key }));
    expect(error).toMatchObject({ status: 400, code: "invalid_parameter", param: "limit" });
  });

  it("works until it is revoked, and not once more", async ({ expect }) => {
    const { managementKey, inferenceKey, inferenceKeyId } = await createTestAccount(edge);
    const use = async () => {
      const response = await edge.send("GET", "/v1/models", { key: inferenceKey });
      await response.body?.cancel();
      return response.status;
    };
    const revoke = async () => {
      const response = await edge.send("DELETE", `/v1/keys/${inferenceKeyId}`, {
        key: managementKey,
      });
      return apiKeySchema.parse(await response.json());
    };
    expect(await use()).toBe(200);
    const revoked = await revoke();
    expect(revoked.revoked_at).not.toBeNull();
    expect(await use()).toBe(401);
    expect(await revoke()).toEqual(revoked);
  });

  it("is rotated: both work for the overlap, on one budget, then the new one alone", async ({
    expect,
  }) => {
    const { managementKey } = await createTestAccount(edge, { plan: "free" });
    const manage = async (path: string, json: object) => {
      const response = await edge.send("POST", path, { key: managementKey, json });
      return createdApiKeySchema.parse(await response.json());
    };
    // Room for one hold of 640 beside the two steps of 20 that the first request is charged.
    const bounds = { name: "laptop", spending_limit: 680, tiers: ["balanced"] };
    const old = await manage("/v1/keys", bounds);
    const ask = async (key: string) => {
      const json = { prompt: "Once", max_tokens: 64 };
      const response = await edge.send("POST", "/v1/completions", { key, json });
      await response.body?.cancel();
      return response.status;
    };
    expect(await ask(old.key)).toBe(200);
    const rotated = await manage(`/v1/keys/${old.id}/rotate`, { overlap_seconds: 3 });
    expect(rotated).toMatchObject({ ...bounds, spent: 40, scope: "inference", expires_at: null });
    expect(await ask(old.key)).toBe(200);
    expect(await ask(rotated.key)).toBe(402);
    await expect.poll(() => ask(old.key), { timeout: 10_000, interval: 250 }).toBe(401);
    const again = await edge.send("POST", `/v1/keys/${old.id}/rotate`, {
      key: managementKey,
      json: {},
    });
    expect(await readError(again)).toMatchObject({ status: 404, code: "not_found" });
  });

  it("is changed from the next request on, in what is told alone", async ({ expect }) => {
    const { managementKey } = await createTestAccount(edge);
    const json = { name: "laptop", spending_limit: 5_000, tiers: ["draft"], models: ["another"] };
    const made = await edge.send("POST", "/v1/keys", { key: managementKey, json });
    const { key, ...before } = createdApiKeySchema.parse(await made.json());
    const change = async (changes: object) => {
      const options = { key: managementKey, json: changes };
      const response = await edge.send("PATCH", `/v1/keys/${before.id}`, options);
      expect(response.status).toBe(200);
      return apiKeySchema.parse(await response.json());
    };
    const ask = async () => {
      const body = { prompt: "Once", max_tokens: 64, tier: "balanced" };
      const response = await edge.send("POST", "/v1/completions", { key, json: body });
      return response.ok ? "answered" : (await readError(response)).code;
    };
    expect(await ask()).toBe("model_not_allowed");
    expect(await change({})).toEqual(before);
    expect(await change({ models: null })).toEqual({ ...before, models: null });
    expect(await ask()).toBe("tier_not_allowed");
    await change({ tiers: ["balanced", "quality"] });
    expect(await ask()).toBe("answered");
    await change({ spending_limit: 1 });
    expect(await ask()).toBe("spending_limit_reached");
    const wish = { name: null, spending_limit: null, concurrency_limit: 3 };
    expect(await change(wish)).toMatchObject({ ...wish, spent: expect.any(Number), held: 0 });
    expect(await ask()).toBe("answered");
    const expiresAt = new Date(Date.now() + 1_500).toISOString();
    expect(await change({ expires_at: expiresAt })).toMatchObject({ expires_at: expiresAt });
    await expect.poll(ask, { timeout: 10_000, interval: 250 }).toBe("invalid_api_key");
    // What is over stays so.
    const options = { key: managementKey, json: { expires_at: null } };
    const late = await edge.send("PATCH", `/v1/keys/${before.id}`, options);
    expect(await readError(late)).toMatchObject({ status: 404, code: "not_found" });
  });

  it.for([
    [{ scope: "management" }, "unknown_parameter", "scope"],
    [{ name: "" }, "invalid_parameter", "name"],
    [{ expires_at: "2020-01-01T00:00:00Z" }, "invalid_parameter", "expires_at"],
    [{ spending_limit: -1 }, "invalid_parameter", "spending_limit"],
    [{ concurrency_limit: 0 }, "invalid_parameter", "concurrency_limit"],
    [{ tiers: [] }, "invalid_parameter", "tiers"],
  ] as const)("is not changed by %j", async ([json, code, param], { expect }) => {
    const { managementKey: key, inferenceKeyId } = await createTestAccount(edge);
    const list = async () => await (await edge.send("GET", "/v1/keys", { key })).json();
    const before = await list();
    const response = await edge.send("PATCH", `/v1/keys/${inferenceKeyId}`, { key, json });
    expect(await readError(response)).toMatchObject({ status: 400, code, param });
    expect(await list()).toEqual(before);
  });

  it("of another account is out of reach", async ({ expect }) => {
    const [one, other] = [await createTestAccount(edge), await createTestAccount(edge)];
    const response = await edge.send("DELETE", `/v1/keys/${one.inferenceKeyId}`, {
      key: other.managementKey,
    });
    expect(await readError(response)).toMatchObject({ status: 404, code: "not_found" });
    const options = { key: other.managementKey, json: { name: "mine" } };
    const changed = await edge.send("PATCH", `/v1/keys/${one.inferenceKeyId}`, options);
    expect(await readError(changed)).toMatchObject({ status: 404, code: "not_found" });
  });

  it.for([
    [{ scope: "admin" }, "invalid_parameter", "scope"],
    [{ name: "" }, "invalid_parameter", "name"],
    [{ expires_at: "tomorrow" }, "invalid_parameter", "expires_at"],
    [{ expires_at: "2020-01-01T00:00:00Z" }, "invalid_parameter", "expires_at"],
    [{ concurrency_limit: 0 }, "invalid_parameter", "concurrency_limit"],
    [{ nam: "laptop" }, "unknown_parameter", "nam"],
  ] as const)("is not made from %j", async ([json, code, param], { expect }) => {
    const { managementKey } = await createTestAccount(edge);
    const response = await edge.send("POST", "/v1/keys", { key: managementKey, json });
    expect(await readError(response)).toMatchObject({ status: 400, code, param });
  });
});

const scopes = ["management"] as const;
testRouteSecurity(() => edge, { method: "POST", path: "/v1/keys", json: {}, scopes });
testRouteSecurity(() => edge, { method: "GET", path: "/v1/keys", scopes });
const rotatePath = "/v1/keys/key_0000000000/rotate";
testRouteSecurity(() => edge, { method: "POST", path: rotatePath, json: {}, scopes });
const keyPath = "/v1/keys/key_0000000000";
testRouteSecurity(() => edge, { method: "PATCH", path: keyPath, json: {}, scopes });
testRouteSecurity(() => edge, { method: "DELETE", path: keyPath, scopes });
