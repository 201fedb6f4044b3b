import { afterAll, beforeAll, describe, it } from "vitest";
import { completionChunkSchema, completionSchema } from "../../shared/contracts/openai-answers.ts";
import { parseEvents } from "../../shared/event-stream/parse-events.ts";
import {
  createTestAccount,
  readError,
  startTestEdge,
  type TestAccount,
  type TestEdge,
} from "./edge-harness.ts";
import { testRouteSecurity } from "./route-security.ts";
import { type ScriptedNode, startScriptedNode } from "./scripted-node.ts";

const path = "/v1/completions";
let node: ScriptedNode;
let edge: TestEdge;
let account: TestAccount;
beforeAll(async () => {
  node = await startScriptedNode();
  edge = await startTestEdge([node.url]);
  account = await createTestAccount(edge);
});
afterAll(() => Promise.all([edge?.stop(), node?.stop()]));

const ask = (json: object) => edge.send("POST", path, { key: account.inferenceKey, json });

describe("a completion", () => {
  it.for(["Once upon", ["Once upon"]])(
    "has OpenAI's shape for the prompt %j",
    async (prompt, { expect }) => {
      const answer = completionSchema.parse(await (await ask({ prompt })).json());
      expect(answer.id).toMatch(/^cmpl-/);
      expect(answer.choices[0]).toMatchObject({ text: "Hello there", finish_reason: "stop" });
      expect(answer.usage.total_tokens).toBe(8);
      expect(node.requests.at(-1)?.input).toEqual({ type: "text", text: "Once upon" });
    },
  );

  it("streams append-only text and one chunk of usage", async ({ expect }) => {
    const stream_options = { include_usage: true };
    const response = await ask({ prompt: "Once", stream: true, stream_options });
    const heard: string[] = [];
    const body = response.body ?? new ReadableStream();
    for await (const { data } of parseEvents(body)) heard.push(data);
    expect(heard.pop()).toBe("[DONE]");
    const chunks = heard.map((data) => completionChunkSchema.parse(JSON.parse(data)));
    expect(chunks.map(({ choices: [choice] }) => choice?.text)).toEqual([
      "Hello",
      " there",
      "",
      undefined,
    ]);
    expect(chunks.at(-1)?.usage?.steps).toBe(2);
  });

  it.for([
    [{ prompt: ["one", "two"] }, "unsupported_parameter", "prompt"],
    [{ prompt: [[1, 2]] }, "unsupported_parameter", "prompt"],
    [{ prompt: "a", suffix: "b" }, "unsupported_parameter", "suffix"],
    [{ prompt: "a", best_of: 2 }, "unsupported_parameter", "best_of"],
    [{ prompt: " " }, "empty_prompt", "prompt"],
    [{}, "missing_parameter", "prompt"],
  ] as const)("refuses %j", async ([json, code, param], { expect }) => {
    expect(await readError(await ask(json))).toMatchObject({ status: 400, code, param });
  });
});

testRouteSecurity(() => edge, {
  method: "POST",
  path,
  json: { prompt: "Once" },
  scopes: ["inference"],
});
