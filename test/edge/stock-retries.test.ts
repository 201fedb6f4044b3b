/** The `openai` package retries without a key of its own: still one call, one charge. */
import OpenAI from "openai";
import { describe, it } from "vitest";
import { ledgerPageSchema } from "../../shared/contracts/billing.ts";
import { useEdgeStage } from "./edge-stage.ts";

const stage = useEdgeStage({ NODE_WAIT_MS: "30000" });

type Fetch = (url: string | URL | Request, init?: RequestInit) => Promise<Response>;

/** Asks once for an account of its own by a client whose `tries` are told by `fetchTry`. */
async function askOnce(fetchTry: (tryCount: number) => Fetch, timeout?: number) {
  const { inferenceKey: apiKey, managementKey: key } = await stage.openAccount();
  const before = stage.node.requests.length;
  let tryCount = 0;
  const client = new OpenAI({
    baseURL: `${stage.edge.url}/v1`,
    apiKey,
    maxRetries: 2,
    ...(timeout !== undefined && { timeout }),
    fetch: async (url, init) => {
      tryCount += 1;
      return await fetchTry(tryCount)(url, init);
    },
  });
  const asking = client.completions.create({ model: "default", prompt: "Once" });
  const { data, response } = await asking.withResponse();
  const ledger = await stage.edge.send("GET", "/v1/ledger", { key });
  const page = ledgerPageSchema.parse(await ledger.json());
  return {
    text: data.choices[0]?.text,
    isReplayed: response.headers.get("idempotent-replayed") === "true",
    tryCount,
    runCount: stage.node.requests.length - before,
    chargeCount: page.data.filter(({ kind }) => kind === "charge").length,
    held: page.held,
  };
}

/** Holds the next generation until it is told to go on. */
function holdNext() {
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const { promise: open, resolve: proceed } = Promise.withResolvers<void>();
  stage.node.script = async (exchange) => {
    exchange.send({ type: "queued", ahead: 0 });
    begin();
    await open;
    await exchange.complete(["Hello"]);
  };
  return { begun, proceed };
}

const ONCE = { text: "Hello", isReplayed: true, tryCount: 2, runCount: 1, chargeCount: 1, held: 0 };

describe("the openai package's retry", () => {
  it("after an answer that was lost on its way is given that answer", async ({ expect }) => {
    stage.node.script = (exchange) => exchange.complete(["Hello"]);
    const told = await askOnce((tryCount) => async (url, init) => {
      const response = await fetch(url, init);
      if (tryCount > 1) return response;
      await response.text();
      throw new TypeError("connection lost");
    });
    expect(told).toEqual(ONCE);
  });

  it("while the first try runs, its connection broken unheard, is given its answer", async ({
    expect,
  }) => {
    const held = holdNext();
    const told = await askOnce((tryCount) => async (url, init) => {
      if (tryCount > 1) {
        setTimeout(held.proceed, 1_200);
        return await fetch(url, init);
      }
      const { signal: _, ...unheard } = init ?? {};
      void fetch(url, unheard);
      await held.begun;
      throw new TypeError("connection lost");
    });
    expect(told).toEqual(ONCE);
  });

  it("once it waited for too long is given the answer that it left", async ({ expect }) => {
    const held = holdNext();
    const told = await askOnce((tryCount) => {
      if (tryCount > 1) held.proceed();
      return fetch;
    }, 4_000);
    // A machine with much else to do may need a third.
    expect(told).toEqual({ ...ONCE, tryCount: expect.any(Number) });
  });
});
