/** A payment from its beginning: a session at Stripe, here a host of the test's own, and its event. */
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import Stripe from "stripe";
import { afterAll, beforeAll, beforeEach, describe, it } from "vitest";
import { ledgerPageSchema } from "../../shared/contracts/billing.ts";
import { topUpSessionSchema } from "../../shared/contracts/top-ups.ts";
import {
  createTestAccount,
  readError,
  startTestEdge,
  type TestAccount,
  type TestEdge,
} from "./edge-harness.ts";
import { testRouteSecurity } from "./route-security.ts";
import { TEST_SECRETS } from "./test-secrets.ts";

const path = "/v1/top-ups";
const wish = {
  amount: 25_000_000,
  success_url: "https://shop.example/thanks",
  cancel_url: "https://shop.example/back",
};
const session = {
  id: "cs_1",
  object: "checkout.session",
  url: "https://pay.example/cs_1",
  expires_at: 1_900_000_000,
};

let stripe: Server;
let edge: TestEdge;
let account: TestAccount;
/** What the host was asked, and what it answers. */
const heard: { url: string; headers: IncomingHttpHeaders; form: URLSearchParams }[] = [];
let answer: { status: number; body: object } = { status: 200, body: session };
beforeAll(async () => {
  stripe = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const form = new URLSearchParams(Buffer.concat(chunks).toString());
    heard.push({ url: request.url ?? "", headers: request.headers, form });
    response.writeHead(answer.status, { "content-type": "application/json" });
    response.end(JSON.stringify(answer.body));
  });
  stripe.listen(0, "127.0.0.1");
  await once(stripe, "listening");
  const address = stripe.address();
  const port = typeof address === "object" ? address?.port : 0;
  edge = await startTestEdge([], {
    STRIPE_SECRET_KEY: "sk_test_of_the_tests",
    STRIPE_API_URL: `http://127.0.0.1:${port}`,
  });
});
afterAll(async () => {
  await edge?.stop();
  stripe?.closeAllConnections();
  stripe?.close();
});
beforeEach(async () => {
  answer = { status: 200, body: session };
  heard.length = 0;
  account = await createTestAccount(edge, { credit: 1 });
});

const ask = (json: object, headers: Record<string, string> = {}) =>
  edge.send("POST", path, { key: account.managementKey, json, headers });

describe("a top-up", () => {
  it("opens a session at Stripe for the account and the amount", async ({ expect }) => {
    const response = await ask(wish, { "idempotency-key": "order-1" });
    expect(response.status).toBe(201);
    expect(topUpSessionSchema.parse(await response.json())).toEqual({
      id: "cs_1",
      object: "top_up",
      amount: 25_000_000,
      url: "https://pay.example/cs_1",
      expires_at: new Date(1_900_000_000_000).toISOString(),
    });
    const [asked] = heard;
    expect(asked?.url).toBe("/v1/checkout/sessions");
    expect(asked?.headers).toMatchObject({
      authorization: "Bearer sk_test_of_the_tests",
      "idempotency-key": `${account.accountId}:order-1`,
    });
    expect(Object.fromEntries(asked?.form ?? [])).toMatchObject({
      mode: "payment",
      client_reference_id: account.accountId,
      success_url: wish.success_url,
      cancel_url: wish.cancel_url,
      "line_items[0][price_data][currency]": "usd",
      "line_items[0][price_data][unit_amount]": "2500",
    });
  });

  it("is money once Stripe says that its session is paid, and not before", async ({ expect }) => {
    await ask(wish);
    const balance = async () => {
      const response = await edge.send("GET", "/v1/ledger", { key: account.managementKey });
      return ledgerPageSchema.parse(await response.json()).balance;
    };
    expect(await balance()).toBe(1);
    const form = heard[0]?.form;
    const paid = {
      ...session,
      payment_status: "paid",
      currency: form?.get("line_items[0][price_data][currency]"),
      amount_total: Number(form?.get("line_items[0][price_data][unit_amount]")),
      client_reference_id: form?.get("client_reference_id"),
    };
    const type = "checkout.session.completed";
    const payload = JSON.stringify({ id: "evt_9", object: "event", type, data: { object: paid } });
    const secret = TEST_SECRETS.STRIPE_WEBHOOK_SECRET;
    const signature = await Stripe.webhooks.generateTestHeaderStringAsync({ payload, secret });
    const init = { method: "POST", headers: { "stripe-signature": signature }, body: payload };
    expect((await fetch(`${edge.url}/internal/stripe-events`, init)).status).toBe(200);
    expect(await balance()).toBe(25_000_001);
  });

  it("says so when Stripe refuses an address, and when it fails", async ({ expect }) => {
    const error = {
      type: "invalid_request_error",
      param: "success_url",
      message: "Not a valid URL",
    };
    answer = { status: 400, body: { error } };
    expect(await readError(await ask(wish))).toMatchObject({
      status: 400,
      code: "invalid_parameter",
      param: "success_url",
    });
    answer = { status: 401, body: { error: { type: "invalid_request_error", message: "No key" } } };
    const refused = await readError(await ask(wish));
    expect(refused).toMatchObject({ status: 502, code: "payments_unavailable" });
    expect(refused.message).not.toContain("key");
    expect(edge.log.join()).not.toContain("sk_test");
  });

  it.for([
    [{ ...wish, amount: 4_990_000 }, "amount"],
    [{ ...wish, amount: 5_000_001 }, "amount"],
    [{ ...wish, amount: 1e12 }, "amount"],
    [{ ...wish, success_url: "http://shop.example/" }, "success_url"],
    [{ ...wish, cancel_url: "https://me:pass@shop.example/" }, "cancel_url"],
    [{ ...wish, cancel_url: "javascript:alert(1)" }, "cancel_url"],
  ] as const)("refuses %j", async ([json, param], { expect }) => {
    expect(await readError(await ask(json))).toMatchObject({
      status: 400,
      code: "invalid_parameter",
      param,
    });
    expect(heard).toHaveLength(0);
  });

  it("is not there where Stripe is not set up", async ({ expect }) => {
    const plain = await startTestEdge([]);
    const { managementKey: key } = await createTestAccount(plain);
    const error = await readError(await plain.send("POST", path, { key, json: wish }));
    expect(error).toMatchObject({ status: 404, code: "not_found" });
    await plain.stop();
  });
});

testRouteSecurity(() => edge, { method: "POST", path, json: wish, scopes: ["management"] });
