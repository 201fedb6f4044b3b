/**
 * Whatever happens on the way: the charge is what the node executed, once.
 *
 * The node's receipts are the truth; the sum of an account's charges must equal theirs.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, it } from "vitest";
import { type LedgerPage, ledgerPageSchema } from "../../shared/contracts/billing.ts";
import { findBrokenEntry } from "../../shared/contracts/ledger-chain.ts";
import type { Receipt } from "../../shared/contracts/node-wire.ts";
import {
  createTestAccount,
  readError,
  startTestEdge,
  type TestAccount,
  type TestEdge,
} from "./edge-harness.ts";
import {
  createReceipt,
  type NodeScript,
  type ScriptedNode,
  signReceipt,
  startScriptedNode,
  stepFrame,
} from "./scripted-node.ts";

const CREDIT = 1_000_000;
/** Micro-dollars a step unit of `ASK` on the plan `free`. */
const UNIT_PRICE = 20;
const ASK = { prompt: "Once", max_tokens: 64 };
const LIFETIMES = { HOLD_LIFETIME_MS: "1500", RECEIPT_GRACE_MS: "1500" };

let node: ScriptedNode;
let edge: TestEdge;
let account: TestAccount;
beforeAll(async () => {
  node = await startScriptedNode();
  edge = await startTestEdge([node.url]);
});
afterAll(() => Promise.all([edge?.stop(), node?.stop()]));
beforeEach(async () => {
  account = await createTestAccount(edge, { plan: "free", credit: CREDIT });
});

const ask = (json: object = ASK, signal?: AbortSignal) =>
  edge.send("POST", "/v1/completions", {
    key: account.inferenceKey,
    json,
    ...(signal === undefined ? {} : { signal }),
  });

async function readLedger(of = account, from = edge): Promise<LedgerPage> {
  const response = await from.send("GET", "/v1/ledger?limit=100", { key: of.managementKey });
  return ledgerPageSchema.parse(await response.json());
}

/** Balance, held, and the charges' sum in step units. */
async function readMoney(of = account, from = edge) {
  const { balance, held, data } = await readLedger(of, from);
  const charges = data.filter(({ kind }) => kind === "charge");
  const units = charges.reduce((sum, { amount }) => sum - amount, 0) / UNIT_PRICE;
  return { balance, held, units };
}

/** Posts a receipt as a node does, under the grant of its request. */
async function post(grant: string, receipt: Receipt, to = edge): Promise<Response> {
  const json = { grant, signed_receipt: await signReceipt(receipt) };
  return await to.send("POST", "/internal/receipts", { json });
}

/** Plays steps one by one until it is cancelled or all are done; counts what it executed. */
function playSteps(total: number, intervalMs: number): { script: NodeScript; executed: number } {
  const played = { executed: 0, script: (async () => undefined) as NodeScript };
  played.script = async (exchange) => {
    let isCancelled = false;
    void exchange.cancelled.then(() => {
      isCancelled = true;
    });
    exchange.send({ type: "queued", ahead: 0 });
    while (played.executed < total && !isCancelled) {
      await new Promise((resolve) => setTimeout(resolve, intervalMs));
      played.executed++;
      exchange.send(stepFrame(played.executed, "a"));
    }
    if (isCancelled) await exchange.fail("cancelled", played.executed);
    else await exchange.complete([], createReceipt(exchange.request.request_id, played.executed));
  };
  return played;
}

/** Steps after which a client leaves. */
const MOMENTS = [0, 1, 2, 3, 5, 8, 13, 20, 26, 31];

describe("a client that leaves", () => {
  it.for(MOMENTS)(
    "a stream after %i steps pays the steps that were executed",
    async (steps, { expect }) => {
      const played = playSteps(32, 10);
      node.script = played.script;
      const controller = new AbortController();
      const response = await ask({ ...ASK, stream: true }, controller.signal);
      const reader = response.body?.getReader();
      while (played.executed < steps) await reader?.read();
      controller.abort();
      await expect.poll(() => readMoney(), { timeout: 5_000 }).toMatchObject({ held: 0 });
      expect(await readMoney()).toEqual({
        balance: CREDIT - played.executed * UNIT_PRICE,
        held: 0,
        units: played.executed,
      });
      expect(played.executed).toBeGreaterThanOrEqual(steps);
    },
  );

  it.for(MOMENTS)(
    "while it waits for a whole answer, after %i steps, pays them too",
    async (steps, { expect }) => {
      const played = playSteps(32, 10);
      node.script = played.script;
      const controller = new AbortController();
      const answer = ask(ASK, controller.signal).catch(() => undefined);
      await expect.poll(() => played.executed).toBeGreaterThanOrEqual(steps);
      controller.abort();
      await answer;
      await expect.poll(() => readMoney(), { timeout: 5_000 }).toMatchObject({ held: 0 });
      expect((await readMoney()).units).toBe(played.executed);
    },
  );
});

describe("a receipt", () => {
  /** The grant of the next generation, which then waits for `proceed` and completes in two steps. */
  function catchGrant() {
    const { promise: grant, resolve } = Promise.withResolvers<{ grant: string; id: string }>();
    const { promise, resolve: proceed } = Promise.withResolvers<void>();
    node.script = async (exchange) => {
      exchange.send({ type: "queued", ahead: 0 });
      resolve({ grant: exchange.grant, id: exchange.request.request_id });
      await promise;
      await exchange.complete(["Hel", "lo"]);
    };
    return { grant, proceed };
  }

  it("that comes twice, both ways and in either order, charges once", async ({ expect }) => {
    const caught = catchGrant();
    const answer = ask();
    const { grant, id } = await caught.grant;
    expect(await (await post(grant, createReceipt(id, 2))).json()).toEqual({ state: "dispatched" });
    expect(await readMoney()).toMatchObject({ held: 640, units: 0 });
    caught.proceed();
    expect((await (await answer).json()).usage).toMatchObject({ cost: 40, refunded: 600 });
    for (let i = 0; i < 3; i++) expect((await post(grant, createReceipt(id, 9))).status).toBe(200);
    expect(await readMoney()).toEqual({ balance: CREDIT - 40, held: 0, units: 2 });
  });

  it("of no step changes nothing while its answer runs", async ({ expect }) => {
    const caught = catchGrant();
    const answer = ask();
    const { grant, id } = await caught.grant;
    expect((await post(grant, createReceipt(id, 0))).status).toBe(200);
    caught.proceed();
    expect((await answer).status).toBe(200);
    expect((await post(grant, createReceipt(id, 0))).status).toBe(200);
    expect((await readMoney()).units).toBe(2);
  });

  it("is taken from nobody who cannot sign, nor for another's request", async ({ expect }) => {
    const caught = catchGrant();
    const answer = ask();
    const { grant, id } = await caught.grant;
    const forged = `${(await signReceipt(createReceipt(id, 9))).split(".")[0]}.AAAA`;
    const attempts = [
      { grant, signed_receipt: forged },
      { grant: forged, signed_receipt: await signReceipt(createReceipt(id, 9)) },
      { grant, signed_receipt: await signReceipt(createReceipt("gen_another", 9)) },
    ];
    for (const json of attempts) {
      const error = await readError(await edge.send("POST", "/internal/receipts", { json }));
      expect(error).toMatchObject({ status: 401, code: "invalid_grant" });
    }
    caught.proceed();
    await answer;
    expect((await readMoney()).units).toBe(2);
  });
});

describe("a node", () => {
  const lose: NodeScript = async (exchange) => {
    exchange.send({ type: "queued", ahead: 0 });
    exchange.send(stepFrame(1, "Hel"));
    setTimeout(exchange.destroy, 30);
  };

  it("lost before any step costs nothing, at once", async ({ expect }) => {
    node.script = (exchange) => {
      exchange.send({ type: "queued", ahead: 0 });
      setTimeout(exchange.destroy, 30);
    };
    expect((await ask()).status).toBe(502);
    await expect.poll(() => readMoney()).toEqual({ balance: CREDIT, held: 0, units: 0 });
  });

  it("lost after a step, with none to go on, is paid the steps that were delivered", async ({
    expect,
  }) => {
    let grant = "";
    node.script = async (exchange) => {
      grant = exchange.grant;
      await lose(exchange);
    };
    expect((await ask()).status).toBe(502);
    await expect.poll(() => readMoney()).toEqual({ balance: CREDIT - 20, held: 0, units: 1 });
    // What it ran beyond them was not delivered, and is nobody's to pay.
    await post(grant, createReceipt(node.requests.at(-1)?.request_id ?? "", 3));
    expect((await readMoney()).units).toBe(1);
  });

  it("that fails after some steps is paid for them, by its error's receipt", async ({ expect }) => {
    node.script = async (exchange) => {
      exchange.send({ type: "queued", ahead: 0 });
      exchange.send(stepFrame(1, "Hel"));
      await exchange.fail("session_failed", 1);
    };
    expect((await ask()).status).toBe(500);
    await expect.poll(() => readMoney()).toEqual({ balance: CREDIT - 20, held: 0, units: 1 });
  });

  it("that is lost for good gives the money back, and the operator hears of it", async ({
    expect,
  }) => {
    const hasty = await startTestEdge([node.url], LIFETIMES);
    try {
      const other = await createTestAccount(hasty, { plan: "free", credit: CREDIT });
      const controller = new AbortController();
      // It is told to stop, and neither says what it has run nor posts it.
      node.script = (exchange) => {
        exchange.send({ type: "queued", ahead: 0 });
        exchange.send(stepFrame(1, "Hel"));
        controller.abort();
      };
      const options = { key: other.inferenceKey, json: ASK, signal: controller.signal };
      await hasty.send("POST", "/v1/completions", options).catch(() => undefined);
      expect(await readMoney(other, hasty)).toMatchObject({ held: 640 });
      await expect
        .poll(() => readMoney(other, hasty), { timeout: 8_000, interval: 200 })
        .toEqual({ balance: CREDIT, held: 0, units: 0 });
      expect(hasty.log.join()).toContain("receipt_lost");
    } finally {
      await hasty.stop();
    }
  });
});

describe("an account's object", () => {
  it("taken out of memory amid a request settles it all the same", async ({ expect }) => {
    const played = playSteps(8, 30);
    node.script = played.script;
    const answer = ask();
    await expect.poll(() => played.executed).toBeGreaterThanOrEqual(2);
    await edge.evictAccount(account.accountId);
    expect((await answer).status).toBe(200);
    expect(await readMoney()).toEqual({ balance: CREDIT - 160, held: 0, units: 8 });
  });

  it("keeps a ledger that its owner can verify", async ({ expect }) => {
    node.script = (exchange) => exchange.complete(["Hello"]);
    for (let i = 0; i < 3; i++) await (await ask()).body?.cancel();
    const { data, account_id } = await readLedger();
    expect(data.map(({ kind, amount }) => [kind, amount])).toEqual([
      ["charge", -20],
      ["charge", -20],
      ["charge", -20],
      ["credit", CREDIT],
    ]);
    expect(findBrokenEntry(data.toReversed(), account_id)).toBeNull();
  });
});

afterEach(async () => {
  const { balance, held } = await readLedger();
  if (held < 0 || balance < held) throw new Error("balance ≥ held ≥ 0 is broken");
});
