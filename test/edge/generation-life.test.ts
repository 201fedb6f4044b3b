/** A generation whoever listens: in the background, cancelled, left by its last reader. */
import { beforeEach, describe, it } from "vitest";
import { ledgerPageSchema } from "../../shared/contracts/billing.ts";
import { generationSchema } from "../../shared/contracts/generation-events.ts";
import type { SendOptions } from "./edge-harness.ts";
import { useEdgeStage } from "./edge-stage.ts";
import { readNative } from "./native-stream.ts";
import { type NodeScript, sayHello, stepFrame } from "./scripted-node.ts";

const path = "/v1/generations";
/** For a machine with much else to do. */
const PATIENCE = { timeout: 10_000 };
const stage = useEdgeStage({ READER_GRACE_MS: "400" });
beforeEach(() => {
  stage.node.script = sayHello;
});

const send = (method: string, where: string, options: SendOptions = {}) =>
  stage.edge.send(method, where, { key: stage.account.inferenceKey, ...options });
const ask = (json: object, options: SendOptions = {}) => send("POST", path, { json, ...options });
const look = async (id: string) =>
  generationSchema.parse(await (await send("GET", `${path}/${id}`)).json());

/** Runs until it is cancelled, a step at a time; `step` has it go on. */
function playByHand() {
  const steps: PromiseWithResolvers<void>[] = [Promise.withResolvers()];
  const begun = Promise.withResolvers<void>();
  const cancelled = Promise.withResolvers<void>();
  let count = 0;
  const script: NodeScript = async (exchange) => {
    exchange.send({ type: "queued", ahead: 0 });
    begun.resolve();
    const beat = setInterval(() => exchange.comment("heartbeat"), 50);
    void exchange.cancelled.then(() => cancelled.resolve());
    for (;;) {
      const next = steps.at(-1)?.promise.then(() => "step" as const);
      const what = await Promise.race([next, exchange.cancelled.then(() => "cancelled" as const)]);
      if (what === "cancelled") break;
      count += 1;
      exchange.send(stepFrame(count, `${count} `));
      steps.push(Promise.withResolvers());
    }
    clearInterval(beat);
    await exchange.fail("cancelled", count);
  };
  stage.node.script = script;
  return {
    begun: begun.promise,
    cancelled: cancelled.promise,
    step: () => steps.at(-1)?.resolve(),
  };
}

async function readMoney() {
  const response = await stage.edge.send("GET", "/v1/ledger", { key: stage.account.managementKey });
  const { held, data } = ledgerPageSchema.parse(await response.json());
  return { held, charges: data.filter(({ kind }) => kind === "charge") };
}

describe("a generation in the background", () => {
  it("is answered at once and runs to its end with nobody there", async ({ expect }) => {
    const { begun, step } = playByHand();
    const response = await ask({ prompt: "Once", background: true });
    expect(response.status).toBe(202);
    const { id, status } = generationSchema.parse(await response.json());
    expect(response.headers.get("location")).toBe(`${path}/${id}`);
    expect(status).toBe("queued");
    await begun;
    step();
    await expect.poll(async () => (await look(id)).text, PATIENCE).toBe("1 ");
    const reading = send("GET", `${path}/${id}/events`).then(readNative);
    await send("POST", `${path}/${id}/cancel`);
    expect((await reading).names).toEqual(["queued", "step", "error"]);
  });
});

describe("cancelling", () => {
  it("stops the node at its next step, charges what ran, and may be repeated", async ({
    expect,
  }) => {
    const before = (await readMoney()).charges.length;
    const { begun, cancelled, step } = playByHand();
    const answering = ask({ prompt: "Once" });
    await begun;
    step();
    const id = stage.node.requests.at(-1)?.request_id ?? "";
    await expect.poll(async () => (await look(id)).text, PATIENCE).toBe("1 ");
    const answer = generationSchema.parse(
      await (await send("POST", `${path}/${id}/cancel`)).json(),
    );
    await cancelled;
    expect(answer).toMatchObject({
      status: "cancelled",
      text: "1 ",
      error: { code: "cancelled" },
      usage: { steps: 1 },
    });
    expect(await (await answering).json()).toEqual(answer);
    expect(await (await send("POST", `${path}/${id}/cancel`)).json()).toEqual(answer);
    const { held, charges } = await readMoney();
    expect([held, charges.length - before]).toEqual([0, 1]);
  });

  it("of one that has ended leaves it as it is", async ({ expect }) => {
    const generation = await (await ask({ prompt: "Once" })).json();
    const { id } = generationSchema.parse(generation);
    expect(await (await send("POST", `${path}/${id}/cancel`)).json()).toEqual(generation);
  });
});

describe("a reader that leaves", () => {
  it("may come back, and then it goes on", async ({ expect }) => {
    const { begun, step } = playByHand();
    const controller = new AbortController();
    const response = await ask({ prompt: "Once", stream: true }, { signal: controller.signal });
    await begun;
    const id = response.headers.get("x-generation-id") ?? "";
    controller.abort();
    const reading = send("GET", `${path}/${id}/events`, { headers: { "last-event-id": "1" } });
    const events = await reading;
    step();
    await expect.poll(async () => (await look(id)).text, PATIENCE).toBe("1 ");
    await send("POST", `${path}/${id}/cancel`);
    expect((await readNative(events)).ids).toEqual(["2", "3"]);
  });

  it("for longer than a moment, as the last, stops it", async ({ expect }) => {
    const { begun, cancelled, step } = playByHand();
    const controller = new AbortController();
    const response = await ask({ prompt: "Once", stream: true }, { signal: controller.signal });
    await begun;
    step();
    controller.abort();
    await cancelled;
    const id = response.headers.get("x-generation-id") ?? "";
    await expect.poll(async () => (await look(id)).status, PATIENCE).toBe("cancelled");
    expect((await readMoney()).held).toBe(0);
  });
});

describe("a generation that ended a while ago", () => {
  const brief = useEdgeStage({ GENERATION_RETENTION_MS: "200" });
  it("is gone with its text", async ({ expect }) => {
    const key = brief.account.inferenceKey;
    const answer = await brief.edge.send("POST", path, { key, json: { prompt: "Once" } });
    const { id } = generationSchema.parse(await answer.json());
    await expect
      .poll(async () => (await brief.edge.send("GET", `${path}/${id}`, { key })).status, PATIENCE)
      .toBe(404);
  });
});
