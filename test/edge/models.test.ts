import { afterAll, beforeAll, describe, it } from "vitest";
import { modelListSchema, modelSchema } from "../../shared/contracts/openai-answers.ts";
import {
  createTestAccount,
  readError,
  startTestEdge,
  type TestAccount,
  type TestEdge,
} from "./edge-harness.ts";
import { testRouteSecurity } from "./route-security.ts";
import { type ScriptedNode, startScriptedNode } from "./scripted-node.ts";

let nodes: ScriptedNode[];
let edge: TestEdge;
let account: TestAccount;
beforeAll(async () => {
  const names = ["llada-a", "llada-a", "llada-b"];
  nodes = await Promise.all(names.map((name) => startScriptedNode(name)));
  edge = await startTestEdge(nodes.map(({ url }) => url));
  account = await createTestAccount(edge);
});
afterAll(() => Promise.all([edge?.stop(), ...nodes.map((node) => node.stop())]));

const get = (path: string) => edge.send("GET", path, { key: account.inferenceKey });

describe("models", () => {
  it("are listed once each, whatever the number of nodes", async ({ expect }) => {
    const { data } = modelListSchema.parse(await (await get("/v1/models")).json());
    expect(data.map(({ id }) => id)).toEqual(["llada-a", "llada-b"]);
    expect(data[0]).toMatchObject({ context_length: 512, owned_by: "unmask" });
  });

  it("are found by id", async ({ expect }) => {
    const model = modelSchema.parse(await (await get("/v1/models/llada-b")).json());
    expect(model.id).toBe("llada-b");
    expect(await readError(await get("/v1/models/gpt-4o"))).toMatchObject({
      status: 404,
      code: "model_not_found",
      param: "model",
    });
  });

  it("are run by the nodes that serve them", async ({ expect }) => {
    const json = { prompt: "Once", model: "llada-b" };
    const response = await edge.send("POST", "/v1/completions", {
      key: account.inferenceKey,
      json,
    });
    expect(await response.json()).toMatchObject({ model: "llada-b" });
    expect(nodes.map(({ requests }) => requests.length)).toEqual([0, 0, 1]);
  });
});

const scopes = ["inference", "management"] as const;
testRouteSecurity(() => edge, { method: "GET", path: "/v1/models", scopes });
testRouteSecurity(() => edge, { method: "GET", path: "/v1/models/llada-a", scopes });
