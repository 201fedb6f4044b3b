/** What becomes of a request when nodes fail. */
import { afterAll, afterEach, beforeAll, describe, it } from "vitest";
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
  sayHello,
  startScriptedNode,
} from "./scripted-node.ts";

let nodes: ScriptedNode[];
let edge: TestEdge;
let account: TestAccount;
beforeAll(async () => {
  nodes = await Promise.all([startScriptedNode(), startScriptedNode(), startScriptedNode()]);
  edge = await startTestEdge(nodes.map(({ url }) => url));
  account = await createTestAccount(edge);
});
afterAll(() => Promise.all([edge?.stop(), ...nodes.slice(1).map((node) => node.stop())]));
afterEach(() => {
  for (const node of nodes) {
    node.script = sayHello;
    node.requests.splice(0);
  }
});

const ask = () =>
  edge.send("POST", "/v1/completions", { key: account.inferenceKey, json: { prompt: "Once" } });
const askedCounts = () => nodes.map(({ requests }) => requests.length);
/** The first node asked plays `script`, whichever it is; the others say hello. */
function breakFirst(script: NodeScript): void {
  let isFirst = true;
  for (const node of nodes) {
    node.script = async (exchange) => {
      const played = isFirst ? script : sayHello;
      isFirst = false;
      await played(exchange);
    };
  }
}

const FAILURES: readonly (readonly [string, NodeScript])[] = [
  ["drops the connection", (exchange) => exchange.destroy()],
  ["answers with an error of its own", (exchange) => exchange.refuse("internal_error")],
  ["is full", (exchange) => exchange.refuse("overloaded")],
  [
    "ends its stream without a frame",
    (exchange) => {
      exchange.comment("heartbeat");
      exchange.end();
    },
  ],
  [
    "begins with an error",
    (exchange) => {
      const message = "The session failed.";
      const code = "session_failed";
      exchange.send({ type: "error", code, message, param: null, signed_receipt: null });
    },
  ],
];

describe("a request whose node", () => {
  it.for(FAILURES)(
    "%s before the first frame is served by another",
    async ([, script], { expect }) => {
      breakFirst(script);
      const response = await ask();
      expect(response.status).toBe(200);
      expect(await response.json()).toMatchObject({ choices: [{ text: "Hello there" }] });
      expect(askedCounts().filter((count) => count === 1)).toHaveLength(2);
      const ids = nodes.flatMap(({ requests }) => requests.map((request) => request.request_id));
      expect(new Set(ids).size).toBe(1);
    },
  );

  it("begins with nonsense is hung up on, and another serves it", async ({ expect }) => {
    let closed: Promise<void> | null = null;
    breakFirst((exchange) => {
      closed = exchange.closed;
      exchange.sendRaw("data: nonsense\n\n");
    });
    expect((await ask()).status).toBe(200);
    await expect(closed).resolves.toBeUndefined();
  });

  it("refuses the request itself is not sent to another", async ({ expect }) => {
    breakFirst((exchange) => exchange.refuse("context_length_exceeded", "prompt"));
    expect(await readError(await ask())).toMatchObject({
      status: 400,
      code: "context_length_exceeded",
      param: "prompt",
    });
    expect(askedCounts().filter((count) => count > 0)).toHaveLength(1);
  });

  it("breaks off later is not run again: its steps are spent", async ({ expect }) => {
    breakFirst((exchange) => {
      exchange.send({ type: "queued", ahead: 0 });
      exchange.end();
    });
    expect(await readError(await ask())).toMatchObject({ status: 502, code: "node_failed" });
    expect(askedCounts().filter((count) => count > 0)).toHaveLength(1);
  });
});

describe("a pool", () => {
  it("where every node fails is tried twice, no more", async ({ expect }) => {
    for (const node of nodes) node.script = (exchange) => exchange.refuse("overloaded");
    const response = await ask();
    expect(response.headers.get("retry-after")).toBe("1");
    expect(await readError(response)).toMatchObject({ status: 429, code: "overloaded" });
    expect(askedCounts().filter((count) => count === 1)).toHaveLength(2);
  });

  it("spreads requests that run at once over its nodes", async ({ expect }) => {
    let proceed: () => void = () => undefined;
    const proceeding = new Promise<void>((resolve) => {
      proceed = resolve;
    });
    for (const node of nodes) {
      node.script = async (exchange) => {
        exchange.send({ type: "queued", ahead: 0 });
        await proceeding;
        await exchange.complete(["late"]);
      };
    }
    const answers = Promise.all([ask(), ask(), ask(), ask(), ask(), ask()]);
    await expect.poll(askedCounts).toEqual([2, 2, 2]);
    proceed();
    expect((await answers).map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 200]);
  });

  it("does without a node that is gone", async ({ expect }) => {
    await nodes[0]?.stop();
    for (let i = 0; i < 4; i++) expect((await ask()).status).toBe(200);
    expect(askedCounts()[0]).toBe(0);
  });
});
