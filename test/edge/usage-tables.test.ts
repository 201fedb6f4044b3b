/** What accounts write ends in one table, each entry once, however often it is told. */
import { afterAll, beforeAll, describe, it } from "vitest";
import { createTestAccount, startTestEdge, type TestEdge } from "./edge-harness.ts";
import { type ScriptedNode, startScriptedNode } from "./scripted-node.ts";

let node: ScriptedNode;
let edge: TestEdge;
beforeAll(async () => {
  node = await startScriptedNode();
  edge = await startTestEdge([node.url]);
});
afterAll(() => Promise.all([edge?.stop(), node?.stop()]));

const PATIENCE = { timeout: 15_000, interval: 200 };

describe("the usage table", () => {
  it("gets every entry of every account, and a message that comes twice once", async ({
    expect,
  }) => {
    const account = await createTestAccount(edge, { plan: "free", credit: 5_000 });
    const { accountId, inferenceKey: key, inferenceKeyId } = account;
    const ids: string[] = [];
    for (const tier of ["draft", "quality"]) {
      const json = { prompt: "Once", tier };
      const { headers } = await edge.send("POST", "/v1/completions", { key, json });
      ids.push(headers.get("x-generation-id") ?? "");
    }
    await expect.poll(() => edge.readUsageRows(accountId), PATIENCE).toHaveLength(3);
    const rows = await edge.readUsageRows(accountId);
    const charge = { kind: "charge", key_id: inferenceKeyId, model: "llada-test", step_units: 2 };
    expect(rows).toMatchObject([
      { sequence: 1, kind: "credit", amount: 5_000, model: null, step_units: null },
      { sequence: 2, ...charge, tier: "draft", amount: -20, reference: ids[0] },
      { sequence: 3, ...charge, tier: "quality", amount: -40, reference: ids[1] },
    ]);
    await edge.sendUsage(rows[1]);
    await edge.sendUsage({ ...rows[1], sequence: 4 });
    await edge.sendUsage("no message");
    await expect.poll(() => edge.readUsageRows(accountId), PATIENCE).toHaveLength(4);
    expect((await edge.readUsageRows(accountId)).slice(0, 3)).toEqual(rows);
    await expect.poll(() => edge.log.join(), PATIENCE).toContain("usage_not_understood");
  });
});
