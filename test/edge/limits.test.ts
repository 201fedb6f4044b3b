/** What an account may do: money, plan, bounds of a key. 402 and 429 are never mixed. */
import { afterAll, beforeAll, describe, it } from "vitest";
import { createdApiKeySchema } from "../../shared/contracts/accounts.ts";
import { errorBodySchema } from "../../shared/contracts/error-body.ts";
import { HEARTBEAT_INTERVAL_MS } from "../../shared/contracts/limits.ts";
import { PLANS } from "../../shared/contracts/plans.ts";
import {
  createTestAccount,
  readError,
  startTestEdge,
  type TestAccount,
  type TestEdge,
} from "./edge-harness.ts";
import { type ScriptedNode, startScriptedNode } from "./scripted-node.ts";

/** What the hold for `ASK` comes to on the plan `free`: 32 steps on one page at 20 micro-dollars. */
const HOLD = 640;
const ASK = { prompt: "Once", max_tokens: 64 };

let node: ScriptedNode;
let edge: TestEdge;
beforeAll(async () => {
  node = await startScriptedNode();
  // A thousand requests at once starve this process, in which the node and its heart are played.
  const patience = { NODE_PATIENCE_MS: "110000", NODE_WAIT_MS: "110000" };
  edge = await startTestEdge([node.url], patience);
});
afterAll(() => Promise.all([edge?.stop(), node?.stop()]));

const ask = (account: Pick<TestAccount, "inferenceKey">, json: object = ASK) =>
  edge.send("POST", "/v1/completions", { key: account.inferenceKey, json });

async function issueKey(account: TestAccount, json: object): Promise<{ inferenceKey: string }> {
  const response = await edge.send("POST", "/v1/keys", { key: account.managementKey, json });
  return { inferenceKey: createdApiKeySchema.parse(await response.json()).key };
}

/** Holds every generation until it is told to go on. */
function holdAll(): { open: () => void; begun: () => number } {
  const { promise, resolve } = Promise.withResolvers<void>();
  let begunCount = 0;
  node.script = async (exchange) => {
    begunCount++;
    exchange.send({ type: "queued", ahead: 0 });
    // As a node does while it has nothing to say: silence is taken for its loss.
    const heartbeat = setInterval(() => exchange.comment("waiting"), HEARTBEAT_INTERVAL_MS);
    await Promise.race([promise, exchange.closed]);
    clearInterval(heartbeat);
    await exchange.complete(["Hello"]);
  };
  return { open: resolve, begun: () => begunCount };
}

describe("money", () => {
  it("that is too little is a 402 that no retry mends", async ({ expect }) => {
    const account = await createTestAccount(edge, { plan: "free", credit: HOLD - 1 });
    const response = await ask(account);
    expect(response.headers.get("x-should-retry")).toBe("false");
    expect(response.headers.get("retry-after")).toBeNull();
    const { error } = errorBodySchema.parse(await response.json());
    expect([response.status, error]).toMatchObject([
      402,
      {
        code: "insufficient_balance",
        type: "billing_error",
        metadata: { limit_source: "account", available: HOLD - 1, required: HOLD, held: 0 },
      },
    ]);
  });

  it("that requests in flight hold is a 402 that passes", async ({ expect }) => {
    const account = await createTestAccount(edge, { plan: "free", credit: HOLD + 100 });
    const held = holdAll();
    const first = ask(account);
    await expect.poll(held.begun).toBe(1);
    const response = await ask(account);
    expect(response.headers.get("x-should-retry")).toBe("true");
    expect(response.headers.get("retry-after")).toBe("1");
    expect(await readError(response)).toMatchObject({ status: 402, code: "balance_held" });
    held.open();
    expect((await first).status).toBe(200);
    expect((await ask(account)).status).toBe(200);
  });

  it("for 100 lets exactly 100 of 1,000 concurrent requests pass", { timeout: 120_000 }, async ({
    expect,
  }) => {
    // The discount of the plan makes the hold 512.
    const account = await createTestAccount(edge, { plan: "scale", credit: 100 * 512 });
    const held = holdAll();
    let refusedCount = 0;
    const asking = Promise.all(
      Array.from({ length: 1_000 }, async () => {
        const response = await ask(account);
        await response.body?.cancel();
        if (response.status === 402) refusedCount++;
        return response.status;
      }),
    );
    await expect.poll(() => [held.begun(), refusedCount], { timeout: 100_000 }).toEqual([100, 900]);
    held.open();
    const statuses = await asking;
    expect(statuses.filter((status) => status === 200)).toHaveLength(100);
    expect(statuses.filter((status) => status === 402)).toHaveLength(900);
  });
});

describe("a plan", () => {
  it("tells its limits, and what is left of them, with every answer", async ({ expect }) => {
    const account = await createTestAccount(edge, { plan: "free", credit: 10 * HOLD });
    const { headers } = await ask(account);
    const { requestsPerMinute, stepUnitsPerMinute } = PLANS.free;
    expect(headers.get("ratelimit-policy")).toBe(
      `"requests";q=${requestsPerMinute};w=60, "steps";q=${stepUnitsPerMinute};w=60;qu="steps", ` +
        `"concurrency";q=${PLANS.free.maxConcurrency}`,
    );
    expect(headers.get("ratelimit")).toMatch(/^"requests";r=59;t=1, "steps";r=19968;t=1$/);
    expect(headers.get("x-ratelimit-limit-requests")).toBe("60");
    expect(headers.get("x-ratelimit-remaining-requests")).toBe("59");
    expect(headers.get("x-ratelimit-reset-requests")).toBe("1s");
    expect(headers.get("x-ratelimit-remaining-steps")).toBe("19968");
  });

  it("bounds requests at once, as a 429 that passes", async ({ expect }) => {
    const account = await createTestAccount(edge, { plan: "free", credit: 100 * HOLD });
    const held = holdAll();
    const running = Array.from({ length: PLANS.free.maxConcurrency }, () => ask(account));
    await expect.poll(held.begun).toBe(PLANS.free.maxConcurrency);
    const response = await ask(account);
    expect(response.headers.get("retry-after")).toBe("1");
    expect(await readError(response)).toMatchObject({
      status: 429,
      code: "concurrency_exceeded",
      type: "rate_limit_error",
    });
    held.open();
    await Promise.all(running);
    expect((await ask(account)).status).toBe(200);
  });

  it("bounds requests a minute, and says truthfully when there is room", async ({ expect }) => {
    node.script = (exchange) => exchange.complete(["Hello"]);
    const account = await createTestAccount(edge, { plan: "free", credit: 1_000 * HOLD });
    const statuses: number[] = [];
    let last = await ask(account);
    while (last.status === 200 && statuses.push(last.status) < 200) last = await ask(account);
    expect(statuses.length).toBeGreaterThanOrEqual(PLANS.free.requestsPerMinute);
    const waitMs = Number(last.headers.get("retry-after-ms"));
    expect(waitMs).toBeLessThanOrEqual(60_000);
    expect(await readError(last)).toMatchObject({ status: 429, code: "request_rate_exceeded" });
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    expect((await ask(account)).status).toBe(200);
  });

  it("refuses for good what it never allows in one request", async ({ expect }) => {
    const account = await createTestAccount(edge, { plan: "free" });
    const prompt = "a".repeat(PLANS.free.maxPromptCharacters + 1);
    const response = await ask(account, { prompt });
    expect(response.headers.get("x-should-retry")).toBe("false");
    expect(await readError(response)).toMatchObject({ status: 403, code: "plan_limit_exceeded" });
  });
});

describe("a key", () => {
  it("may spend no more than its own limit", async ({ expect }) => {
    node.script = (exchange) => exchange.complete(["Hello"]);
    const account = await createTestAccount(edge, { plan: "free" });
    // Room for one hold and the one step that was charged before.
    const key = await issueKey(account, { spending_limit: HOLD + 20 });
    expect((await ask(key)).status).toBe(200);
    expect((await ask(key)).status).toBe(200);
    const response = await ask(key);
    expect(response.headers.get("x-should-retry")).toBe("false");
    expect(await readError(response)).toMatchObject({
      status: 402,
      code: "spending_limit_reached",
    });
    expect((await ask(account)).status).toBe(200);
  });

  it("runs no more at once than its own limit, its successor's counted, whatever others run", async ({
    expect,
  }) => {
    const account = await createTestAccount(edge, { plan: "free" });
    const wish = { key: account.managementKey, json: { concurrency_limit: 2 } };
    const created = await edge.send("POST", "/v1/keys", wish);
    const { key: inferenceKey, id } = createdApiKeySchema.parse(await created.json());
    const key = { inferenceKey };
    const rotated = await edge.send("POST", `/v1/keys/${id}/rotate`, { ...wish, json: {} });
    const successor = createdApiKeySchema.parse(await rotated.json());
    expect(successor.concurrency_limit).toBe(2);
    const held = holdAll();
    const running = [ask(key), ask({ inferenceKey: successor.key }), ask(account)];
    await expect.poll(held.begun).toBe(3);
    for (const refused of [key, { inferenceKey: successor.key }]) {
      const response = await ask(refused);
      expect(response.headers.get("retry-after")).toBe("1");
      expect(response.headers.get("ratelimit-policy")).toContain('"concurrency";q=2');
      expect([response.status, await response.json()]).toMatchObject([
        429,
        { error: { code: "concurrency_exceeded", metadata: { limit_source: "key", limit: 2 } } },
      ]);
    }
    // The account has room for a fourth, of another key.
    running.push(ask(account));
    await expect.poll(held.begun).toBe(4);
    held.open();
    for (const response of await Promise.all(running)) expect(response.status).toBe(200);
    expect((await ask(key)).status).toBe(200);
  });

  it("is bound to its models and tiers", async ({ expect }) => {
    const account = await createTestAccount(edge);
    const draft = await issueKey(account, { tiers: ["draft"], models: ["llada-test"] });
    expect((await ask(draft, { ...ASK, tier: "draft" })).status).toBe(200);
    expect(await readError(await ask(draft))).toMatchObject({
      status: 403,
      code: "tier_not_allowed",
      param: "tier",
    });
    const elsewhere = await issueKey(account, { models: ["another"] });
    expect(await readError(await ask(elsewhere))).toMatchObject({
      status: 403,
      code: "model_not_allowed",
      param: "model",
    });
  });
});

describe("a request's price", () => {
  it("is what was executed at the plan's price, the rest refunded", async ({ expect }) => {
    node.script = (exchange) => exchange.complete(["Hel", "lo"]);
    for (const [plan, cost] of [
      ["free", 40],
      ["build", 36],
      ["scale", 32],
    ] as const) {
      const { usage } = await (await ask(await createTestAccount(edge, { plan }))).json();
      expect(usage).toMatchObject({ steps: 2, cost, refunded: 16 * cost - cost });
    }
  });

  it("is nothing when no node begins, and all of it is free again", async ({ expect }) => {
    const account = await createTestAccount(edge, { plan: "free", credit: HOLD });
    for (const code of ["overloaded", "context_length_exceeded"] as const) {
      node.script = (exchange) => exchange.refuse(code);
      expect((await ask(account)).status).not.toBe(200);
    }
    node.script = (exchange) => exchange.complete(["Hello"]);
    expect((await ask(account)).status).toBe(200);
  });
});
