/** What things cost, told before and after they run. */
import { afterAll, beforeAll, describe, it } from "vitest";
import { createdApiKeySchema } from "../../shared/contracts/accounts.ts";
import {
  ledgerPageSchema,
  quoteSchema,
  tierListSchema,
  usageReportSchema,
} from "../../shared/contracts/billing.ts";
import {
  createTestAccount,
  readError,
  startTestEdge,
  type TestAccount,
  type TestEdge,
} from "./edge-harness.ts";
import { testRouteSecurity } from "./route-security.ts";
import { type ScriptedNode, startScriptedNode } from "./scripted-node.ts";
import { TEST_SECRETS } from "./test-secrets.ts";

let node: ScriptedNode;
let edge: TestEdge;
let account: TestAccount;
beforeAll(async () => {
  node = await startScriptedNode();
  edge = await startTestEdge([node.url]);
  account = await createTestAccount(edge, { plan: "build" });
});
afterAll(() => Promise.all([edge?.stop(), node?.stop()]));

const quote = (json: object) => edge.send("POST", "/v1/quote", { key: account.inferenceKey, json });

describe("a quote", () => {
  it("tells the most for each tier, at the account's price", async ({ expect }) => {
    const { data, model } = quoteSchema.parse(
      await (await quote({ messages: [{ role: "user", content: "Hi" }] })).json(),
    );
    expect(model).toBe("llada-test");
    expect(data).toEqual([
      { tier: "draft", max_steps: 8, max_step_units: 8, unit_price: 9, max_cost: 72 },
      { tier: "fast", max_steps: 16, max_step_units: 16, unit_price: 9, max_cost: 144 },
      { tier: "balanced", max_steps: 32, max_step_units: 32, unit_price: 18, max_cost: 576 },
      { tier: "quality", max_steps: 64, max_step_units: 64, unit_price: 18, max_cost: 1152 },
      { tier: "max", max_steps: 128, max_step_units: 128, unit_price: 18, max_cost: 2304 },
    ]);
  });

  it.for([
    [{ steps: 10 }, { tier: "quality", max_step_units: 10 }],
    [{ tier: "fast" }, { tier: "fast", max_step_units: 16 }],
    [{ tier: "max" }, { tier: "max", max_step_units: 128 }],
    [
      { tier: "max", remasking: "random" },
      { tier: "max", max_step_units: 64 },
    ],
    [
      { steps: 10, revision_steps: 3 },
      { tier: "quality", max_step_units: 13 },
    ],
    // A step that goes by a threshold commits a token at least.
    [
      { steps: 100, confidence_threshold: 0.9 },
      { tier: "quality", max_step_units: 64 },
    ],
    [
      { tier: "fast", cfg_scale: 2 },
      { tier: "fast", max_step_units: 32 },
    ],
    // 1,000 bytes may be as many tokens, but the model holds 512: two pages.
    [
      { steps: 10, prompt: "a".repeat(1_000) },
      { tier: "quality", max_step_units: 20 },
    ],
  ] as const)("of %j binds: it is what is held", async ([wish, line], { expect }) => {
    const json = { prompt: "Once", ...wish };
    const { data } = quoteSchema.parse(await (await quote(json)).json());
    expect(data).toMatchObject([line]);
    const answer = await edge.send("POST", "/v1/completions", { key: account.inferenceKey, json });
    const { usage } = (await answer.json()) as { usage: { cost: number; refunded: number } };
    expect(usage.cost + usage.refunded).toBe(data[0]?.max_cost);
  });

  it("refuses what the endpoint itself would refuse", async ({ expect }) => {
    for (const [json, param] of [
      [{ prompt: "Once", tier: "slow" }, "tier"],
      [{ prompt: "Once", tier: "fast", steps: 3 }, "tier"],
      [{ messages: 3 }, "messages"],
      [{ prompt: "Once", confidence_threshold: 2 }, "confidence_threshold"],
      [{ prompt: "Once", revision_steps: 4, remasking: "random" }, "revision_steps"],
      [{ prompt: "Once", block_length: 5 }, "block_length"],
    ] as const) {
      expect(await readError(await quote(json))).toMatchObject({ status: 400, param });
    }
  });
});

describe("the tiers", () => {
  it("are listed at the account's price", async ({ expect }) => {
    const response = await edge.send("GET", "/v1/tiers", { key: account.inferenceKey });
    const { data } = tierListSchema.parse(await response.json());
    expect(data.map(({ id, unit_price }) => [id, unit_price])).toEqual([
      ["draft", 9],
      ["fast", 9],
      ["balanced", 18],
      ["quality", 18],
      ["max", 18],
    ]);
    expect(data[0]).toEqual({
      id: "draft",
      object: "tier",
      tokens_per_step: 8,
      confidence_threshold: 0.9,
      cache: "dual",
      block_length: null,
      early_exit: true,
      revision_steps_per_token: 0,
      unit_price: 9,
      is_default: false,
    });
    expect(data.filter(({ is_default }) => is_default)).toMatchObject([{ id: "balanced" }]);
  });
});

describe("usage", () => {
  it("is told by day, model, tier and key, and is the sum of the charges", async ({ expect }) => {
    const own = await createTestAccount(edge, { plan: "free", credit: 10_000 });
    const issued = await edge.send("POST", "/v1/keys", { key: own.managementKey, json: {} });
    const other = createdApiKeySchema.parse(await issued.json());
    for (const [tier, key] of [
      ["draft", own.inferenceKey],
      ["draft", own.inferenceKey],
      ["quality", own.inferenceKey],
      ["quality", other.key],
    ] as const) {
      await edge.send("POST", "/v1/completions", { key, json: { prompt: "Once", tier } });
    }
    const response = await edge.send("GET", "/v1/usage?days=2", { key: own.managementKey });
    const { data, balance, held } = usageReportSchema.parse(await response.json());
    const draft = { model: "llada-test", tier: "draft", key_id: own.inferenceKeyId };
    const quality = { model: "llada-test", tier: "quality", requests: 1, step_units: 2, cost: 40 };
    expect(data).toHaveLength(3);
    expect(data[0]).toMatchObject({ ...draft, requests: 2, step_units: 4, cost: 40 });
    for (const key_id of [own.inferenceKeyId, other.id]) {
      expect(data.slice(1)).toContainEqual(expect.objectContaining({ ...quality, key_id }));
    }
    expect([balance, held]).toEqual([10_000 - 120, 0]);
    const pages: unknown[] = [];
    let page = { has_more: true, last_id: null as string | null };
    for (
      let after = "";
      page.has_more;
      after = `&after=${encodeURIComponent(page.last_id ?? "")}`
    ) {
      const path = `/v1/usage?days=2&limit=1${after}`;
      const answer = await edge.send("GET", path, { key: own.managementKey });
      page = usageReportSchema.parse(await answer.json());
      pages.push(...usageReportSchema.parse(page).data);
    }
    expect(pages).toEqual(data);
  });

  it.for([
    ["days=0", "days"],
    ["limit=1001", "limit"],
    ["after=yesterday", "after"],
    ["since=2026", "since"],
  ] as const)("is not told for ?%s", async ([query, param], { expect }) => {
    const { managementKey: key } = await createTestAccount(edge);
    const error = await readError(await edge.send("GET", `/v1/usage?${query}`, { key }));
    expect(error).toMatchObject({ status: 400, param });
  });
});

describe("a credit", () => {
  const credit = (accountId: string, json: object, key: string = TEST_SECRETS.OPERATOR_SECRET) =>
    edge.send("POST", `/v1/accounts/${accountId}/credits`, { key, json });

  it("is put in once for each key, by the operator alone", async ({ expect }) => {
    const own = await createTestAccount(edge, { plan: "free", credit: 100 });
    const json = { amount: 50, idempotency_key: "invoice-1" };
    const first = await credit(own.accountId, json);
    expect(first.status).toBe(201);
    const entry = await first.json();
    expect(entry).toMatchObject({ kind: "credit", amount: 50, balance_after: 150 });
    expect(await (await credit(own.accountId, json)).json()).toEqual(entry);
    expect((await credit(own.accountId, json, own.managementKey)).status).toBe(401);
    const page = await edge.send("GET", "/v1/ledger?limit=1", { key: own.managementKey });
    expect(ledgerPageSchema.parse(await page.json())).toMatchObject({
      balance: 150,
      data: [{ sequence: 2 }],
      has_more: true,
      last_id: 2,
    });
    const rest = await edge.send("GET", "/v1/ledger?after=2", { key: own.managementKey });
    expect(ledgerPageSchema.parse(await rest.json())).toMatchObject({
      data: [{ sequence: 1 }],
      has_more: false,
    });
  });

  it.for([
    ["acct_000000000000", { amount: 1, idempotency_key: "a" }, 404, "not_found"],
    ["nobody", { amount: 1, idempotency_key: "a" }, 404, "not_found"],
    ["nobody", { amount: 0, idempotency_key: "a" }, 400, "invalid_parameter"],
    ["nobody", { amount: 1 }, 400, "missing_parameter"],
  ] as const)("for %s of %j is refused", async ([id, json, status, code], { expect }) => {
    expect(await readError(await credit(id, json))).toMatchObject({ status, code });
  });
});

const scopes = ["management"] as const;
testRouteSecurity(() => edge, { method: "GET", path: "/v1/ledger", scopes });
testRouteSecurity(() => edge, { method: "GET", path: "/v1/usage", scopes });
testRouteSecurity(() => edge, {
  method: "GET",
  path: "/v1/tiers",
  scopes: ["inference", "management"],
});
testRouteSecurity(() => edge, {
  method: "POST",
  path: "/v1/quote",
  json: { prompt: "Once" },
  scopes: ["inference", "management"],
});
