/** Who may join the pool, what a scaler is told, and what waits for a node. */
import { afterAll, beforeAll, describe, it } from "vitest";
import { ledgerPageSchema } from "../../shared/contracts/billing.ts";
import { scalingAnswerSchema } from "../../shared/contracts/pool.ts";
import { signToken } from "../../shared/contracts/signed-token.ts";
import { startHeart } from "../support/node-heart.ts";
import {
  createTestAccount,
  readError,
  startTestEdge,
  type TestAccount,
  type TestEdge,
} from "./edge-harness.ts";
import { type ScriptedNode, startScriptedNode } from "./scripted-node.ts";
import { TEST_SECRETS } from "./test-secrets.ts";

const SCALING_SECRET = "the-secret-of-a-scaler";
const MINUTE_MS = 60_000;
/** For a machine with much else to do. */
const PATIENCE = { timeout: 10_000 };

let node: ScriptedNode;
let edge: TestEdge;
let account: TestAccount;
beforeAll(async () => {
  node = await startScriptedNode();
  edge = await startTestEdge([], { NODE_WAIT_MS: "60000", SCALING_SECRET });
  account = await createTestAccount(edge);
});
afterAll(() => Promise.all([edge?.stop(), node?.stop()]));

const readScaling = async () => {
  const response = await edge.send("GET", "/internal/scaling", { key: SCALING_SECRET });
  return scalingAnswerSchema.parse(await response.json());
};

describe("a heartbeat", () => {
  it("is taken from nobody who cannot sign, nor from another time, nor with another address", async ({
    expect,
  }) => {
    const forged = await signToken({ type: "heartbeat" }, "another secret, also of some length");
    const json = { heartbeat: forged };
    const responses = [
      await edge.send("POST", "/internal/nodes/heartbeat", { json }),
      await edge.beat(node.url, { sent_at: Date.now() - 2 * MINUTE_MS }),
      await edge.beat(node.url, { sent_at: Date.now() + 2 * MINUTE_MS }),
      await edge.beat(node.url, { url: "file:///etc/passwd" }),
      await edge.beat(node.url, { url: "http://user:word@127.0.0.1:1" }),
      await edge.beat(node.url, { url: "http://127.0.0.1:1/?path=" }),
    ];
    for (const response of responses) {
      expect(await readError(response)).toMatchObject({ status: 400, code: "invalid_signature" });
    }
    expect(await readScaling()).toMatchObject({ ready_nodes: 0, draining_nodes: 0 });
  });
});

describe("what a scaler is told", () => {
  it("is told to it and to the operator alone", async ({ expect }) => {
    const ask = (key: string | null) => edge.send("GET", "/internal/scaling", { key });
    expect((await ask(TEST_SECRETS.OPERATOR_SECRET)).status).toBe(200);
    for (const key of [null, account.managementKey, account.inferenceKey]) {
      expect((await ask(key)).status).toBe(401);
    }
    const accounts = await edge.send("POST", "/v1/accounts", { key: SCALING_SECRET, json: {} });
    expect(accounts.status).toBe(401);
  });
});

describe("a request while there is no node", () => {
  it("waits, is work to be done, and is served by the node that comes", async ({ expect }) => {
    // The model is known from a node that is gone since.
    await edge.beat(node.url, { is_draining: true });
    const find = () => edge.send("GET", "/v1/models/llada-test", { key: account.inferenceKey });
    await expect.poll(async () => (await find()).status, PATIENCE).toBe(200);
    const json = { prompt: "Once", stream: true };
    const answer = edge.send("POST", "/v1/completions", { key: account.inferenceKey, json });
    await expect.poll(async () => (await readScaling()).waiting_requests, PATIENCE).toBe(1);
    const { backlog_step_units: backlog, desired_nodes: desired } = await readScaling();
    expect(backlog).toBeGreaterThan(0);
    expect(desired).toBeGreaterThan(0);
    await edge.beat(node.url);
    const text = await (await answer).text();
    expect(text).toContain(": waiting for a node");
    expect(text).toContain("Hello");
    expect(text).toMatch(/\[DONE\]\s*$/);
    await expect.poll(async () => (await readScaling()).waiting_requests, PATIENCE).toBe(0);
  });

  it("is forgotten when its client leaves: nothing is held, and no node is asked", async ({
    expect,
  }) => {
    const ofItsOwn = await createTestAccount(edge);
    const away = await startScriptedNode("llada-away");
    await edge.beat(away.url, { is_draining: true });
    const model = away.model.id;
    const options = { key: ofItsOwn.inferenceKey };
    const find = () => edge.send("GET", `/v1/models/${model}`, options);
    await expect.poll(async () => (await find()).status, PATIENCE).toBe(200);
    const controller = new AbortController();
    const { signal } = controller;
    const json = { model, prompt: "Once", stream: true };
    const response = await edge.send("POST", "/v1/completions", { ...options, json, signal });
    await response.body?.getReader().read();
    controller.abort();
    const readLedger = async () => {
      const page = await edge.send("GET", "/v1/ledger", { key: ofItsOwn.managementKey });
      return ledgerPageSchema.parse(await page.json());
    };
    await expect.poll(async () => (await readLedger()).held, PATIENCE).toBe(0);
    const heart = await startHeart({
      edgeUrl: edge.url,
      nodeUrl: away.url,
      grantSecret: TEST_SECRETS.GRANT_SECRET,
    });
    // The next one is served by the node, which has heard of no other.
    const next = await edge.send("POST", "/v1/completions", { ...options, json });
    expect(await next.text()).toContain("Hello");
    expect(away.requests).toHaveLength(1);
    expect((await readLedger()).data.filter(({ kind }) => kind === "charge")).toHaveLength(1);
    heart.stop();
    await away.stop();
  });
});
