/**
 * What customers of other gateways complain about, where no other file here has it as its subject:
 * requests that slip past the meter, answers kept for others, work for clients that have left.
 */
import { afterAll, beforeAll, beforeEach, describe, it } from "vitest";
import { ledgerPageSchema } from "../../shared/contracts/billing.ts";
import {
  createTestAccount,
  readError,
  startTestEdge,
  type TestAccount,
  type TestEdge,
} from "./edge-harness.ts";
import {
  type NodeScript,
  type ScriptedNode,
  startScriptedNode,
  stepFrame,
} from "./scripted-node.ts";

let nodes: ScriptedNode[];
let edge: TestEdge;
let account: TestAccount;
beforeAll(async () => {
  nodes = [await startScriptedNode(), await startScriptedNode()];
  edge = await startTestEdge(
    nodes.map(({ url }) => url),
    { READER_GRACE_MS: "300" },
  );
});
afterAll(() => Promise.all([edge?.stop(), ...(nodes ?? []).map((node) => node.stop())]));
beforeEach(async () => {
  play((exchange) => exchange.complete(["Hello", " there"]));
  account = await createTestAccount(edge);
});

const holes = [{ text: "x", token_count: 1 }];
const score = { log_likelihood: -1, standard_error: 0, samples: 1, tokens: 1 };
const messages = [{ role: "user", content: "Hi" }];
/** Every route that runs something, with a body that it takes. */
const ROUTES = [
  ["/v1/chat/completions", { messages }],
  ["/v1/completions", { prompt: "a" }],
  ["/v1/generations", { prompt: "a" }],
  ["/v1/infill", { template: ["a", { length: 1 }] }],
  ["/v1/score", { prompt: "a", answers: ["b"] }],
] as const;

function play(script: NodeScript): void {
  for (const node of nodes) node.script = script;
}
const countAsked = () => nodes.reduce((sum, { requests }) => sum + requests.length, 0);
const send = (path: string, json: object, headers: Record<string, string> = {}) =>
  edge.send("POST", path, { key: account.inferenceKey, json, headers });

async function readLedger() {
  const response = await edge.send("GET", "/v1/ledger", { key: account.managementKey });
  const { held, data } = ledgerPageSchema.parse(await response.json());
  return {
    held,
    charges: data.filter(({ kind }) => kind === "charge").map(({ amount }) => -amount),
  };
}

describe("no road past the meter", () => {
  it.for(ROUTES)(
    "%s is charged once, for what its usage says",
    async ([path, body], { expect }) => {
      const isScore = path === "/v1/score";
      play((exchange) => exchange.complete(["x"], {}, isScore ? { scores: [score] } : { holes }));
      const answer = (await (await send(path, body)).json()) as { usage: { cost: number } };
      expect(answer.usage.cost).toBeGreaterThan(0);
      expect(await readLedger()).toEqual({ held: 0, charges: [answer.usage.cost] });
    },
  );
});

describe("a kept answer", () => {
  it.for(ROUTES.slice(0, 3))(
    "of %s is not told to a revoked key",
    async ([path, body], { expect }) => {
      const headers = { "idempotency-key": "kept" };
      expect((await send(path, body, headers)).status).toBe(200);
      const { managementKey: key, inferenceKeyId } = account;
      await edge.send("DELETE", `/v1/keys/${inferenceKeyId}`, { key });
      expect(await readError(await send(path, body, headers))).toMatchObject({
        status: 401,
        code: "invalid_api_key",
      });
    },
  );
});

describe("a client that leaves", () => {
  it.for([0, 1, 2, 3, 5, 8, 13, 20, 26, 31])(
    "a native stream after %i steps pays those, and no node begins anew",
    async (count, { expect }) => {
      const asked = countAsked();
      play(async (exchange) => {
        exchange.send({ type: "queued", ahead: 0 });
        for (let step = 1; step <= count; step += 1) exchange.send(stepFrame(step, "x"));
        const beat = setInterval(() => exchange.comment("heartbeat"), 20);
        await exchange.cancelled;
        clearInterval(beat);
        await exchange.fail("cancelled", count);
      });
      const controller = new AbortController();
      const { signal } = controller;
      const json = { prompt: "Once", stream: true, steps: 32 };
      const { inferenceKey: key } = account;
      const response = await edge.send("POST", "/v1/generations", { key, json, signal });
      const reader = response.body?.getReader();
      const decoder = new TextDecoder();
      for (let text = ""; text.split("event: step").length <= count; ) {
        const { value } = (await reader?.read()) ?? {};
        text += decoder.decode(value, { stream: true });
      }
      controller.abort();
      await expect.poll(async () => (await readLedger()).held, { timeout: 8_000 }).toBe(0);
      // `scale` pays 16 micro-dollars a step unit.
      expect((await readLedger()).charges).toEqual(count === 0 ? [] : [count * 16]);
      expect(countAsked() - asked).toBe(1);
    },
  );
});

describe("a pool that is full and one that is empty", () => {
  it("say different things, and when to come back", async ({ expect }) => {
    play((exchange) => exchange.refuse("overloaded"));
    const full = await send("/v1/completions", { prompt: "a" });
    const empty = await startTestEdge([]);
    const { inferenceKey: key } = await createTestAccount(empty);
    const none = await empty.send("POST", "/v1/completions", { key, json: { prompt: "a" } });
    for (const response of [full, none]) {
      const seconds = Number(response.headers.get("retry-after"));
      expect(seconds).toBeGreaterThan(0);
      expect(seconds).toBeLessThanOrEqual(60);
      expect(response.headers.get("x-should-retry")).toBe("true");
    }
    expect(await readError(full)).toMatchObject({ status: 429, code: "overloaded" });
    expect(await readError(none)).toMatchObject({ status: 503, code: "no_ready_node" });
    await empty.stop();
  });
});

describe("the log", () => {
  it("has nothing that a customer wrote, was told or holds, whatever fails", async ({ expect }) => {
    const secret = "the moon is made of marzipan";
    const wish = (body: object) =>
      JSON.parse(JSON.stringify(body).replace(/"(a|Hi)"/, `"${secret}"`));
    const failures: NodeScript[] = [
      (exchange) => exchange.refuse("internal_error"),
      (exchange) => exchange.sendRaw(`data: ${secret}\n\n`),
      (exchange) => {
        exchange.send({ type: "queued", ahead: 0 });
        exchange.send(stepFrame(1, secret));
        setTimeout(exchange.destroy, 20);
      },
      async (exchange) => {
        exchange.send(stepFrame(1, secret));
        await exchange.fail("session_failed", 1);
      },
    ];
    for (const script of failures) {
      play(script);
      for (const [path, body] of ROUTES) {
        const response = await send(path, wish(body), { "idempotency-key": `${secret} ${path}` });
        expect(response.status).toBeGreaterThanOrEqual(500);
        await response.body?.cancel();
      }
    }
    const log = edge.log.join("\n");
    expect(log).toContain('"event":"fault"');
    expect(log).not.toMatch(/marzipan|unm_test_/);
  });
});

describe("a page of another origin", () => {
  const origin = { origin: "https://elsewhere.example" };

  it.for(ROUTES)("gets no leave to read %s", async ([path, body], { expect }) => {
    const preflight = await edge.send("OPTIONS", path, {
      headers: { ...origin, "access-control-request-method": "POST" },
    });
    const answers = [preflight, await send(path, body, origin), await send(path, {}, origin)];
    for (const { headers } of answers) {
      const names = [...headers.keys()].filter((name) => name.startsWith("access-control-"));
      expect(names).toEqual([]);
      expect(headers.get("cross-origin-resource-policy")).toBe("same-origin");
    }
    expect(preflight.ok).toBe(false);
  });

  it("gets none for a stream, which is named and locked down as every answer is", async ({
    expect,
  }) => {
    for (const [path, body] of ROUTES.slice(0, 3)) {
      const { headers, body: stream } = await send(path, { ...body, stream: true }, origin);
      expect(headers.get("access-control-allow-origin")).toBeNull();
      expect(headers.get("x-request-id")).toMatch(/^req_/);
      expect(headers.get("x-generation-id")).toMatch(/^gen_/);
      expect(headers.get("cache-control")).toBe("no-store");
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("strict-transport-security")).toContain("max-age");
      await stream?.cancel();
    }
  });
});
