/** What becomes of a request when nodes fail. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, it } from "vitest";
import { errorBodySchema } from "../../shared/contracts/error-body.ts";
import { verifyToken } from "../../shared/contracts/signed-token.ts";
import { startHeart } from "../support/node-heart.ts";
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
  stepFrame,
} from "./scripted-node.ts";
import { TEST_SECRETS } from "./test-secrets.ts";

let nodes: ScriptedNode[];
let hearts: { stop(): void }[];
let edge: TestEdge;
let account: TestAccount;
let modelCount = 0;
beforeAll(async () => {
  edge = await startTestEdge([]);
  account = await createTestAccount(edge);
});
afterAll(() => edge?.stop());
/** Nodes of its own for each test: the edge remembers for a while what those of another have done. */
beforeEach(async ({ expect }) => {
  modelCount += 1;
  const id = `llada-${modelCount}`;
  nodes = await Promise.all([1, 2, 3].map(() => startScriptedNode(id)));
  const { url: edgeUrl } = edge;
  const grantSecret = TEST_SECRETS.GRANT_SECRET;
  hearts = await Promise.all(
    nodes.map(({ url: nodeUrl }) => startHeart({ edgeUrl, nodeUrl, grantSecret })),
  );
  const path = `/v1/models/${id}`;
  const find = () => edge.send("GET", path, { key: account.inferenceKey });
  await expect.poll(async () => (await find()).status, { timeout: 10_000 }).toBe(200);
});
afterEach(async () => {
  for (const heart of hearts) heart.stop();
  await Promise.all(nodes.map((node) => node.stop()));
});

const ask = (more: object = {}, key = account.inferenceKey) =>
  edge.send("POST", "/v1/completions", {
    key,
    json: { model: nodes[0]?.model.id, prompt: "Once", ...more },
  });
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

/** When what was sent has left: a broken connection drops what has not. */
const breakOffLater: NodeScript = ({ destroy }) => void setTimeout(destroy, 50);

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

  const STARTED = { prompt_tokens: 3, generation_length: 8, steps: 4, block_length: 8 };

  /** What each attempt at the next request was asked, in order; `scripts` play them, one each. */
  function playInTurn(scripts: readonly NodeScript[]) {
    const attempts: { resumeFrom: string | undefined; attempt: unknown }[] = [];
    for (const node of nodes) {
      node.script = async (exchange) => {
        const { attempt } = Object(await verifyToken(exchange.grant, TEST_SECRETS.GRANT_SECRET));
        attempts.push({ resumeFrom: exchange.request.resume_from, attempt });
        exchange.send({ type: "queued", ahead: 0 });
        exchange.send({ type: "started", ...STARTED });
        await scripts[attempts.length - 1]?.(exchange);
      };
    }
    return attempts;
  }

  const breakOffs: readonly (readonly [string, NodeScript])[] = [
    ["breaks off", breakOffLater],
    ["ends its stream early", (exchange) => exchange.end()],
    ["drains", (exchange) => exchange.fail("no_ready_node", 2)],
    ["fails", (exchange) => exchange.fail("session_failed", 2)],
    ["talks nonsense", (exchange) => exchange.sendRaw("data: nonsense\n\n")],
  ];

  it.for(breakOffs)(
    "%s after some steps is gone on with by another, from the last of them",
    async ([, breakOff], { expect }) => {
      const attempts = playInTurn([
        async (exchange) => {
          exchange.send(stepFrame(1, "Once", "state 1"));
          exchange.send(stepFrame(2, " upon", "state 2"));
          await breakOff(exchange);
        },
        async (exchange) => {
          // A node that begins a little earlier than it should tells nothing twice.
          exchange.send(stepFrame(2, " upon", "state 2"));
          exchange.send(stepFrame(3, " a", "state 3"));
          await exchange.complete([" time"].slice(1), { steps: 4, step_units: 4 });
        },
      ]);
      const answer = await ask({ stream: true, stream_options: { include_usage: true } });
      const text = await answer.text();
      const pieces = [...text.matchAll(/"text":"([^"]*)"/g)].map(([, piece]) => piece);
      expect(pieces.join("")).toBe("Once upon a");
      expect(text).toMatch(/\[DONE\]\s*$/);
      expect(text).toContain('"steps":4');
      expect(attempts).toEqual([
        { resumeFrom: undefined, attempt: 1 },
        { resumeFrom: "state 2", attempt: 2 },
      ]);
      expect(askedCounts().filter((count) => count === 1)).toHaveLength(2);
    },
  );

  it("has begun and done no step is begun anew by another", async ({ expect }) => {
    const attempts = playInTurn([
      (exchange) => exchange.destroy(),
      (exchange) => exchange.complete(["Hello"]),
    ]);
    expect(await (await ask()).json()).toMatchObject({ choices: [{ text: "Hello" }] });
    expect(attempts.map(({ resumeFrom }) => resumeFrom)).toEqual([undefined, undefined]);
  });

  it("cannot go on from the state is not blamed on the client", async ({ expect }) => {
    const attempts = playInTurn([
      (exchange) => {
        exchange.send(stepFrame(1, "Once", "state 1"));
        void breakOffLater(exchange);
      },
    ]);
    for (const node of nodes) {
      const play = node.script;
      node.script = (exchange) =>
        exchange.request.resume_from === undefined
          ? play(exchange)
          : exchange.refuse("invalid_parameter", "resume_from");
    }
    expect(await readError(await ask())).toMatchObject({ status: 502, code: "node_failed" });
    expect(attempts).toHaveLength(1);
  });
});

describe("a request that every node fails", () => {
  it("is charged the steps that were delivered, and says so", async ({ expect }) => {
    const isolated = await createTestAccount(edge, { plan: "free", credit: 1_000_000 });
    for (const node of nodes) {
      node.script = (exchange) => {
        if (exchange.request.resume_from !== undefined) return exchange.refuse("internal_error");
        exchange.send({ type: "queued", ahead: 0 });
        exchange.send(stepFrame(1, "Once", "state 1"));
        exchange.send(stepFrame(2, " upon", "state 2"));
        void breakOffLater(exchange);
      };
    }
    const response = await ask({}, isolated.inferenceKey);
    const { error } = errorBodySchema.parse(await response.json());
    expect(response.status).toBeGreaterThanOrEqual(500);
    expect(error.metadata).toMatchObject({ charged_step_units: 2 });
    const ledger = await edge.send("GET", "/v1/ledger", { key: isolated.managementKey });
    expect(await ledger.json()).toMatchObject({ balance: 1_000_000 - 2 * 20, held: 0 });
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
    const total = () => askedCounts().reduce((sum, count) => sum + count, 0);
    await expect.poll(total, { timeout: 10_000 }).toBe(6);
    // Two are drawn for each, and the busier of them is left alone.
    expect(Math.max(...askedCounts())).toBeLessThan(6);
    proceed();
    expect((await answers).map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 200]);
  });

  it("does without a node that is gone", async ({ expect }) => {
    await nodes.shift()?.stop();
    for (let i = 0; i < 4; i++) expect((await ask()).status).toBe(200);
    expect(askedCounts().reduce((sum, count) => sum + count, 0)).toBe(4);
  });
});
