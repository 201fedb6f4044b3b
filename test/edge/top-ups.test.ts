import Stripe from "stripe";
import { afterAll, beforeAll, describe, it } from "vitest";
import { ledgerPageSchema } from "../../shared/contracts/billing.ts";
import {
  createTestAccount,
  readError,
  startTestEdge,
  type TestAccount,
  type TestEdge,
} from "./edge-harness.ts";
import { TEST_SECRETS } from "./test-secrets.ts";

let edge: TestEdge;
let account: TestAccount;
beforeAll(async () => {
  edge = await startTestEdge([]);
  account = await createTestAccount(edge, { credit: 1 });
});
afterAll(() => edge?.stop());

/** A paid session's event as Stripe words it. */
function createEvent(changes: object = {}, id = "evt_1", type = "checkout.session.completed") {
  const session = {
    id: "cs_1",
    object: "checkout.session",
    payment_status: "paid",
    currency: "usd",
    amount_total: 2_500,
    client_reference_id: account.accountId,
    ...changes,
  };
  return JSON.stringify({ id, object: "event", type, data: { object: session } });
}

async function send(payload: string, secret: string = TEST_SECRETS.STRIPE_WEBHOOK_SECRET, at = 0) {
  const signature = await Stripe.webhooks.generateTestHeaderStringAsync({
    payload,
    secret,
    timestamp: Math.floor(Date.now() / 1000) - at,
  });
  return await fetch(`${edge.url}/internal/stripe-events`, {
    method: "POST",
    headers: { "stripe-signature": signature, "content-type": "application/json" },
    body: payload,
  });
}

async function readBalance(): Promise<number> {
  const response = await edge.send("GET", "/v1/ledger", { key: account.managementKey });
  return ledgerPageSchema.parse(await response.json()).balance;
}

describe("a payment by Stripe Checkout", () => {
  it("is money in the account, once for each event", async ({ expect }) => {
    for (let i = 0; i < 3; i++) expect((await send(createEvent())).status).toBe(200);
    expect(await readBalance()).toBe(25_000_001);
    const later = createEvent({}, "evt_2", "checkout.session.async_payment_succeeded");
    await send(later);
    expect(await readBalance()).toBe(50_000_001);
  });

  it.for([
    ["of another kind", {}, "payment_intent.created"],
    ["not paid yet", { payment_status: "unpaid" }, "checkout.session.completed"],
    ["in another currency", { currency: "eur" }, "checkout.session.completed"],
    ["for nobody", { client_reference_id: null }, "checkout.session.completed"],
  ] as const)("event %s is taken and moves nothing", async ([, changes, type], { expect }) => {
    const before = await readBalance();
    expect((await send(createEvent(changes, "evt_3", type))).status).toBe(200);
    expect(await readBalance()).toBe(before);
  });

  it("is refused when it is forged, altered or old", async ({ expect }) => {
    const before = await readBalance();
    const refused = { status: 400, code: "invalid_signature" };
    expect(await readError(await send(createEvent({}, "evt_4"), "whsec_guess"))).toMatchObject(
      refused,
    );
    const old = await send(createEvent({}, "evt_5"), TEST_SECRETS.STRIPE_WEBHOOK_SECRET, 3_600);
    expect(await readError(old)).toMatchObject(refused);
    const json = JSON.parse(createEvent({}, "evt_6"));
    expect(
      await readError(await edge.send("POST", "/internal/stripe-events", { json })),
    ).toMatchObject(refused);
    expect(await readBalance()).toBe(before);
  });

  it("for an account that is not there is not taken", async ({ expect }) => {
    const changes = { client_reference_id: "acct_000000000000" };
    const error = await readError(await send(createEvent(changes, "evt_7")));
    expect(error).toMatchObject({ status: 404, code: "not_found" });
  });
});
