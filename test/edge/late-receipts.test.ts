/** What a node says once the edge hears it no more. */
import { describe, it } from "vitest";
import { ledgerPageSchema } from "../../shared/contracts/billing.ts";
import { useEdgeStage } from "./edge-stage.ts";
import { createReceipt, signReceipt, stepFrame } from "./scripted-node.ts";

const stage = useEdgeStage();
/** For a machine with much else to do. */
const PATIENCE = { timeout: 10_000, interval: 100 };
/** Micro-dollars a step unit on the plan `scale`. */
const UNIT_PRICE = 16;

async function readMoney() {
  const response = await stage.edge.send("GET", "/v1/ledger", { key: stage.account.managementKey });
  const { held, data } = ledgerPageSchema.parse(await response.json());
  return {
    held,
    charges: data.filter(({ kind }) => kind === "charge").map(({ amount }) => amount),
  };
}

describe("a receipt that comes when its client has left and its stream said nothing of it", () => {
  it("is what is charged, once, and the rest goes back", async ({ expect }) => {
    let grant = "";
    stage.node.script = async (exchange) => {
      ({ grant } = exchange);
      exchange.send({ type: "queued", ahead: 0 });
      exchange.send(stepFrame(1, "Hel"));
      const beat = setInterval(() => exchange.comment("heartbeat"), 50);
      await exchange.cancelled;
      // Its last frame, with its receipt, is lost.
      clearInterval(beat);
    };
    const controller = new AbortController();
    const response = await stage.edge.send("POST", "/v1/completions", {
      key: stage.account.inferenceKey,
      json: { prompt: "Once", stream: true },
      signal: controller.signal,
    });
    await response.body?.getReader().read();
    controller.abort();
    const id = stage.node.requests.at(-1)?.request_id ?? "";
    await expect.poll(() => stage.node.cancelled, PATIENCE).toContain(id);
    expect(await readMoney()).toMatchObject({ charges: [] });
    const post = async (stepUnits: number) => {
      const json = { grant, signed_receipt: await signReceipt(createReceipt(id, stepUnits)) };
      const answer = await stage.edge.send("POST", "/internal/receipts", { json });
      return (await answer.json()) as { state: string };
    };
    // Until the edge has given up listening, it only takes note.
    const settled = ["captured", "reconciled"];
    await expect.poll(async () => settled.includes((await post(3)).state), PATIENCE).toBe(true);
    await post(9);
    expect(await readMoney()).toEqual({ held: 0, charges: [-3 * UNIT_PRICE] });
  });
});
