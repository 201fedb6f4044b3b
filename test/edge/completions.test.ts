import { describe, it } from "vitest";
import { quoteSchema } from "../../shared/contracts/billing.ts";
import { completionChunkSchema, completionSchema } from "../../shared/contracts/openai-answers.ts";
import { parseEvents } from "../../shared/event-stream/parse-events.ts";
import { readError } from "./edge-harness.ts";
import { useEdgeStage } from "./edge-stage.ts";
import { testRouteSecurity } from "./route-security.ts";

const path = "/v1/completions";
const stage = useEdgeStage();

const ask = (json: object) =>
  stage.edge.send("POST", path, { key: stage.account.inferenceKey, json });

describe("a completion", () => {
  it.for(["Once upon", ["Once upon"]])(
    "has OpenAI's shape for the prompt %j",
    async (prompt, { expect }) => {
      const answer = completionSchema.parse(await (await ask({ prompt })).json());
      expect(answer.id).toMatch(/^cmpl-/);
      expect(answer.choices[0]).toMatchObject({ text: "Hello there", finish_reason: "stop" });
      expect(answer.usage.total_tokens).toBe(8);
      expect(stage.node.requests.at(-1)?.input).toEqual({ type: "text", text: "Once upon" });
    },
  );

  it("with a suffix asks for the text between", async ({ expect }) => {
    const response = await ask({ prompt: "Once ", suffix: " a cat.", max_tokens: 8 });
    const answer = completionSchema.parse(await response.json());
    expect(answer.choices[0]?.text).toBe("Hello there");
    const request = stage.node.requests.at(-1);
    expect(request?.parameters.max_tokens).toBe(8);
    expect(request?.input).toEqual({
      type: "template",
      field: "prompt",
      segments: [
        { type: "text", text: "Once " },
        { type: "hole", length: 8 },
        { type: "text", text: " a cat." },
      ],
    });
  });

  it("holds for its suffix too, and takes an empty one for none", async ({ expect }) => {
    const quoteOf = async (suffix: string | null) => {
      const json = { prompt: "Once", suffix, max_tokens: 8, steps: 8 };
      const response = await stage.edge.send("POST", "/v1/quote", {
        key: stage.account.inferenceKey,
        json,
      });
      return quoteSchema.parse(await response.json()).data[0]?.max_step_units;
    };
    expect(await quoteOf(null)).toBe(8);
    expect(await quoteOf("")).toBe(8);
    expect(await quoteOf("b".repeat(300))).toBe(16);
    await (await ask({ prompt: "Once", suffix: "" })).json();
    expect(stage.node.requests.at(-1)?.input).toEqual({ type: "text", text: "Once" });
  });

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

  it("with echo begins with the prompt, whole and streamed", async ({ expect }) => {
    const answer = completionSchema.parse(
      await (await ask({ prompt: "Once, ", echo: true })).json(),
    );
    expect(answer.choices[0]?.text).toBe("Once, Hello there");
    const response = await ask({ prompt: "Once, ", echo: true, stream: true });
    const body = response.body ?? new ReadableStream();
    let text = "";
    for await (const { data } of parseEvents(body)) {
      if (data !== "[DONE]") {
        text += completionChunkSchema.parse(JSON.parse(data)).choices[0]?.text ?? "";
      }
    }
    expect(text).toBe("Once, Hello there");
  });

  it("leaves out fields that it does not know", async ({ expect }) => {
    expect((await ask({ prompt: "Once", not_a_field: { deep: [1] } })).status).toBe(200);
  });

  it.for([
    [{ prompt: "a", echo: true, logprobs: 0 }, "unsupported_parameter", "logprobs"],
    [{ prompt: "a", echo: 1 }, "invalid_parameter", "echo"],
    [{ prompt: ["one", "two"] }, "unsupported_parameter", "prompt"],
    [{ prompt: [[1, 2]] }, "unsupported_parameter", "prompt"],
    [{ prompt: "a", suffix: 1 }, "invalid_parameter", "suffix"],
    [{ prompt: "a", suffix: "b".repeat(200_001) }, "context_length_exceeded", "suffix"],
    [{ prompt: " ", suffix: "b" }, "empty_prompt", "prompt"],
    [{ prompt: "a", best_of: 2 }, "unsupported_parameter", "best_of"],
    [{ prompt: " " }, "empty_prompt", "prompt"],
    [{}, "missing_parameter", "prompt"],
  ] as const)("refuses %j", async ([json, code, param], { expect }) => {
    expect(await readError(await ask(json))).toMatchObject({ status: 400, code, param });
  });
});

testRouteSecurity(() => stage.edge, {
  method: "POST",
  path,
  json: { prompt: "Once" },
  scopes: ["inference"],
});
