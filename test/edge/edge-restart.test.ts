/** The edge itself goes away amid a generation: its object goes on when it is back. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, it } from "vitest";
import { ledgerPageSchema } from "../../shared/contracts/billing.ts";
import { generationSchema } from "../../shared/contracts/generation-events.ts";
import { createTestAccount, startTestEdge } from "./edge-harness.ts";
import { readNative } from "./native-stream.ts";
import { type ScriptedNode, startScriptedNode, stepFrame } from "./scripted-node.ts";

const path = "/v1/generations";
let node: ScriptedNode;
let directory: string;
beforeAll(async () => {
  node = await startScriptedNode();
  directory = await mkdtemp(join(tmpdir(), "unmask-restart-"));
});
afterAll(async () => {
  await node?.stop();
  await rm(directory, { recursive: true });
});

// Two starts of workerd in one test.
describe("a generation whose edge is started again", { timeout: 180_000 }, () => {
  it("goes on at a node from the state that was kept, and is charged once", async ({ expect }) => {
    node.script = async (exchange) => {
      exchange.send({ type: "queued", ahead: 0 });
      exchange.send(Object.assign(stepFrame(1, "one "), { state: "state-1" }));
      const beat = setInterval(() => exchange.comment("heartbeat"), 100);
      await exchange.closed;
      clearInterval(beat);
    };
    const first = await startTestEdge([node.url], {}, directory);
    const { inferenceKey: key, managementKey } = await createTestAccount(first);
    const json = { prompt: "Once", background: true };
    const begun = await first.send("POST", path, { key, json });
    const { id } = generationSchema.parse(await begun.json());
    await expect
      .poll(async () => (await (await first.send("GET", `${path}/${id}`, { key })).json()).text, {
        timeout: 10_000,
      })
      .toBe("one ");
    await first.stop();

    node.script = async (exchange) => {
      exchange.send({ type: "queued", ahead: 0 });
      exchange.send(stepFrame(2, "two"));
      await exchange.complete([], { steps: 2, step_units: 2 }, { text: "one two" });
    };
    const second = await startTestEdge([node.url], {}, directory);
    const stream = await second.send("GET", `${path}/${id}/events`, { key });
    const { events, ids } = await readNative(stream);
    expect(ids).toEqual(["1", "2", "3", "4"]);
    expect(events.map(({ type }) => type)).toEqual(["queued", "step", "step", "done"]);
    expect(node.requests.at(-1)).toMatchObject({ request_id: id, resume_from: "state-1" });
    const last = events.at(-1);
    expect(last).toMatchObject({ generation: { status: "completed", text: "one two" } });
    const ledger = await second.send("GET", "/v1/ledger", { key: managementKey });
    const { held, data } = ledgerPageSchema.parse(await ledger.json());
    expect(held).toBe(0);
    expect(data.filter(({ reference }) => reference === id)).toHaveLength(1);
    await second.stop();
  });
});
