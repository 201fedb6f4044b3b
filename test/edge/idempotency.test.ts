/** One call, however often it is sent, is run and charged once. */
import { afterAll, beforeAll, beforeEach, describe, it } from "vitest";
import { ledgerPageSchema } from "../../shared/contracts/billing.ts";
import { parseEvents } from "../../shared/event-stream/parse-events.ts";
import {
  createTestAccount,
  readError,
  startTestEdge,
  type TestAccount,
  type TestEdge,
} from "./edge-harness.ts";
import { type ScriptedNode, sayHello, startScriptedNode, stepFrame } from "./scripted-node.ts";

const path = "/v1/completions";
let node: ScriptedNode;
let edge: TestEdge;
let account: TestAccount;
beforeAll(async () => {
  node = await startScriptedNode();
  edge = await startTestEdge([node.url]);
});
afterAll(() => Promise.all([edge?.stop(), node?.stop()]));
beforeEach(async () => {
  node.script = sayHello;
  account = await createTestAccount(edge);
});

const ask = (headers: Record<string, string>, json: object = { prompt: "Once" }) =>
  edge.send("POST", path, { key: account.inferenceKey, headers, json });
const named = (key = "order-1") => ({ "idempotency-key": key });

async function countCharges(): Promise<number> {
  const response = await edge.send("GET", "/v1/ledger", { key: account.managementKey });
  const { data, held } = ledgerPageSchema.parse(await response.json());
  if (held !== 0) throw new Error("something is still held");
  return data.filter(({ kind }) => kind === "charge").length;
}

/** Holds the next generation until it is told to go on. */
function holdNext() {
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const { promise: open, resolve: proceed } = Promise.withResolvers<void>();
  node.script = async (exchange) => {
    exchange.send({ type: "queued", ahead: 0 });
    begin();
    await open;
    await exchange.complete(["Hello"]);
  };
  return { begun, proceed };
}

describe("an idempotency key", () => {
  it("gives a success again, to the letter, and charges it once", async ({ expect }) => {
    const before = node.requests.length;
    const first = await ask(named());
    const answer = await first.json();
    expect(first.headers.get("idempotent-replayed")).toBeNull();
    for (let i = 0; i < 3; i++) {
      const again = await ask(named());
      expect(again.headers.get("idempotent-replayed")).toBe("true");
      expect(again.headers.get("x-generation-id")).toBe(first.headers.get("x-generation-id"));
      expect(await again.json()).toEqual(answer);
    }
    expect(node.requests.length - before).toBe(1);
    expect(await countCharges()).toBe(1);
  });

  it("gives a stream again, with its text and its bill", async ({ expect }) => {
    const json = { prompt: "Once", stream: true, stream_options: { include_usage: true } };
    const read = async () => {
      const response = await ask(named(), json);
      const data: string[] = [];
      const body = response.body ?? new ReadableStream();
      for await (const event of parseEvents(body)) data.push(event.data);
      const chunks = data.slice(0, -1).map((text) => JSON.parse(text));
      const text = chunks.map(({ choices }) => choices[0]?.text ?? "").join("");
      return { text, usage: chunks.at(-1).usage, id: chunks[0].id, last: data.at(-1) };
    };
    const first = await read();
    expect(first).toMatchObject({ text: "Hello there", last: "[DONE]" });
    expect(await read()).toEqual(first);
    expect(await countCharges()).toBe(1);
  });

  it("is refused for another body, whatever the order of its fields", async ({ expect }) => {
    await ask(named(), { prompt: "Once", seed: 1 });
    expect((await ask(named(), { seed: 1, prompt: "Once" })).status).toBe(200);
    const response = await ask(named(), { prompt: "Twice", seed: 1 });
    expect(response.headers.get("x-should-retry")).toBe("false");
    expect(await readError(response)).toMatchObject({
      status: 422,
      code: "idempotency_mismatch",
      type: "idempotency_error",
    });
  });

  it("joins its request while that runs: the same answer, charged once", async ({ expect }) => {
    const held = holdNext();
    const before = node.requests.length;
    const first = ask(named());
    await held.begun;
    const second = ask(named());
    const streamed = await ask(named("other"), { prompt: "Once", stream: true });
    held.proceed();
    const [one, other] = [await first, await second];
    expect(other.headers.get("idempotent-replayed")).toBe("true");
    expect(other.headers.get("x-generation-id")).toBe(one.headers.get("x-generation-id"));
    expect(await other.json()).toEqual(await one.json());
    await streamed.text();
    expect(node.requests.length - before).toBe(2);
    expect(await countCharges()).toBe(2);
  });

  it.for([path, "/v1/chat/completions", "/v1/generations"])(
    "joins a running stream of %s from its beginning",
    async (where, { expect }) => {
      const before = node.requests.length;
      const { promise: told, resolve: tell } = Promise.withResolvers<void>();
      const { promise: open, resolve: proceed } = Promise.withResolvers<void>();
      node.script = async (exchange) => {
        exchange.send(stepFrame(1, "Hel"));
        tell();
        await open;
        exchange.send(stepFrame(2, "lo"));
        await exchange.complete([], { steps: 2, step_units: 2 });
      };
      const begins = where.includes("chat")
        ? { messages: [{ role: "user", content: "Hi" }] }
        : { prompt: "Once" };
      const send = () =>
        edge.send("POST", where, {
          key: account.inferenceKey,
          headers: named("shared"),
          json: { ...begins, stream: true },
        });
      const first = await send();
      await told;
      const second = await send();
      expect(second.headers.get("idempotent-replayed")).toBe("true");
      proceed();
      const text = await first.text();
      expect(text).toContain("Hel");
      const withoutComments = (stream: string) => stream.replaceAll(/^:.*\n\n/gm, "");
      expect(withoutComments(await second.text())).toBe(withoutComments(text));
      expect(node.requests.length - before).toBe(1);
      expect(await countCharges()).toBe(1);
    },
  );

  it("gives a native generation again, as a whole and as a stream", async ({ expect }) => {
    const native = (stream: boolean) =>
      edge.send("POST", "/v1/generations", {
        key: account.inferenceKey,
        headers: named(String(stream)),
        json: { prompt: "Once", stream },
      });
    const whole = await (await native(false)).json();
    const again = await native(false);
    expect(again.headers.get("idempotent-replayed")).toBe("true");
    expect(await again.json()).toEqual(whole);
    const stream = await (await native(true)).text();
    expect(await (await native(true)).text()).toBe(stream);
    expect(await countCharges()).toBe(2);
  });

  it("may be used again after a failure", async ({ expect }) => {
    node.script = (exchange) => exchange.refuse("overloaded");
    expect((await ask(named())).status).toBe(429);
    node.script = sayHello;
    expect((await ask(named())).status).toBe(200);
    expect(await countCharges()).toBe(1);
  });

  it("is the account's own", async ({ expect }) => {
    await ask(named());
    account = await createTestAccount(edge);
    expect((await ask(named())).headers.get("idempotent-replayed")).toBeNull();
  });

  it.for(["", "a".repeat(256)])("of no proper length is refused", async (key, { expect }) => {
    const error = await readError(await ask(named(key)));
    expect(error).toMatchObject({ status: 400, param: "Idempotency-Key" });
  });
});

describe("a stock SDK's retry without a key", () => {
  const tries = (count: number) => ({ "x-stainless-retry-count": String(count) });

  it("is the same call again, charged once", async ({ expect }) => {
    const first = await (await ask(tries(0))).json();
    for (const count of [1, 2]) {
      const again = await ask(tries(count));
      expect(again.headers.get("idempotent-replayed")).toBe("true");
      expect(await again.json()).toEqual(first);
    }
    expect(await countCharges()).toBe(1);
  });

  it("is told to come again while the first one runs", async ({ expect }) => {
    const held = holdNext();
    const first = ask(tries(0));
    await held.begun;
    const response = await ask(tries(1));
    expect(response.headers.get("retry-after")).toBe("1");
    expect(response.headers.get("x-should-retry")).toBe("true");
    expect(await readError(response)).toMatchObject({
      status: 409,
      code: "idempotency_in_progress",
    });
    held.proceed();
    expect((await first).status).toBe(200);
    expect((await ask(tries(1))).headers.get("idempotent-replayed")).toBe("true");
    expect(await countCharges()).toBe(1);
  });

  it("runs when the first try failed; two first tries are two calls", async ({ expect }) => {
    node.script = (exchange) => exchange.refuse("overloaded");
    await ask(tries(0));
    node.script = sayHello;
    expect((await ask(tries(1))).status).toBe(200);
    await ask(tries(0));
    await ask(tries(0));
    expect(await countCharges()).toBe(3);
  });
});
