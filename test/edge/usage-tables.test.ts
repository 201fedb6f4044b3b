/** What accounts write ends in one table, each entry once, however often it is told. */
import { afterAll, beforeAll, describe, it } from "vitest";
import { reconciliationSchema } from "../../shared/contracts/reconciliation.ts";
import { createTestAccount, readError, startTestEdge, type TestEdge } from "./edge-harness.ts";
import { type ScriptedNode, startScriptedNode } from "./scripted-node.ts";
import { TEST_SECRETS } from "./test-secrets.ts";

let node: ScriptedNode;
let edge: TestEdge;
beforeAll(async () => {
  node = await startScriptedNode();
  edge = await startTestEdge([node.url]);
});
afterAll(() => Promise.all([edge?.stop(), node?.stop()]));

const PATIENCE = { timeout: 15_000, interval: 200 };

describe("the usage table", () => {
  it("gets every entry of every account, and an entry that comes twice once", async ({
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
    await edge.sendUsage([rows[1]]);
    await edge.sendUsage([rows[2], { ...rows[1], sequence: 4 }]);
    await edge.sendUsage("no message");
    await edge.sendUsage([
      { ...rows[1], sequence: 5 },
      { ...rows[1], sequence: "six" },
    ]);
    await expect.poll(() => edge.readUsageRows(accountId), PATIENCE).toHaveLength(4);
    expect((await edge.readUsageRows(accountId)).slice(0, 3)).toEqual(rows);
    await expect.poll(() => edge.log.join(), PATIENCE).toContain("usage_not_understood");
  });
});

describe("a reconciliation", () => {
  const reconcile = (
    accountId: string,
    json: object = {},
    key: string = TEST_SECRETS.OPERATOR_SECRET,
  ) => edge.send("POST", `/v1/accounts/${accountId}/reconciliation`, { key, json });
  const read = async (accountId: string, json?: object) =>
    reconciliationSchema.parse(await (await reconcile(accountId, json)).json());

  it("finds rows that are lost, and has them sent again", async ({ expect }) => {
    const { accountId, inferenceKey: key } = await createTestAccount(edge, { credit: 5_000 });
    for (let i = 0; i < 3; i++)
      await edge.send("POST", "/v1/completions", { key, json: { prompt: "a" } });
    await expect.poll(() => edge.readUsageRows(accountId), PATIENCE).toHaveLength(4);
    const rows = await edge.readUsageRows(accountId);
    const same = { entries: 4, rows: 4, is_waiting: false, differences: [], is_resent: false };
    await expect.poll(() => read(accountId), PATIENCE).toMatchObject(same);
    await edge.alterUsage(
      "DELETE FROM usage WHERE account_id = ? AND sequence IN (2, 3)",
      accountId,
    );
    const lost = [{ first_sequence: 1, last_sequence: 1_000, entries: 4, rows: 2 }];
    expect(await read(accountId)).toMatchObject({ differences: lost, is_resent: false });
    expect(await read(accountId, { repair: true })).toMatchObject({
      differences: lost,
      is_resent: true,
    });
    await expect.poll(() => edge.readUsageRows(accountId), PATIENCE).toEqual(rows);
    await expect.poll(() => read(accountId), PATIENCE).toMatchObject(same);
  });

  it("finds a row that says another amount", async ({ expect }) => {
    const { accountId } = await createTestAccount(edge, { credit: 5_000 });
    await expect.poll(() => edge.readUsageRows(accountId), PATIENCE).toHaveLength(1);
    await edge.alterUsage("UPDATE usage SET amount = 4999 WHERE account_id = ?", accountId);
    expect((await read(accountId)).differences).toMatchObject([
      { entries: 1, rows: 1, entries_amount: 5_000, rows_amount: 4_999 },
    ]);
  });

  it("is the operator's alone, of an account that may be", async ({ expect }) => {
    const { accountId, managementKey } = await createTestAccount(edge);
    const refused = await readError(await reconcile(accountId, {}, managementKey));
    expect(refused).toMatchObject({ status: 401, code: "invalid_api_key" });
    expect(await readError(await reconcile("nobody"))).toMatchObject({ code: "not_found" });
    expect(await readError(await reconcile(accountId, { repair: 1 }))).toMatchObject({
      code: "invalid_parameter",
      param: "repair",
    });
  });
});
