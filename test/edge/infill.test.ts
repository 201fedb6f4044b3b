import { beforeEach, describe, it } from "vitest";
import { infillAnswerSchema } from "../../shared/contracts/infill.ts";
import { readError } from "./edge-harness.ts";
import { useEdgeStage } from "./edge-stage.ts";
import { readNative } from "./native-stream.ts";
import { testRouteSecurity } from "./route-security.ts";
import type { NodeScript } from "./scripted-node.ts";

const path = "/v1/infill";
const template = ["A ", { length: 2 }, " sat on ", { min_length: 1, max_length: 3 }, "."];
/** Fills the two holes. */
const fillBoth: NodeScript = (exchange) =>
  exchange.complete(
    ["black", " cat", "me"],
    { completion_tokens: 3 },
    {
      holes: [
        { text: "black cat", token_count: 2 },
        { text: "me", token_count: 1 },
      ],
    },
  );

const stage = useEdgeStage();
beforeEach(() => {
  stage.node.script = fillBoth;
});

const ask = (json: object, headers: Record<string, string> = {}) =>
  stage.edge.send("POST", path, { key: stage.account.inferenceKey, json, headers });

describe("an infill", () => {
  it("answers the filled text, each hole and the bill", async ({ expect }) => {
    const answer = infillAnswerSchema.parse(await (await ask({ template })).json());
    expect(answer.id).toMatch(/^gen_/);
    expect(answer).toMatchObject({
      object: "infill",
      model: stage.node.model.id,
      text: "A black cat sat on me.",
      holes: [
        { text: "black cat", token_count: 2 },
        { text: "me", token_count: 1 },
      ],
      usage: { completion_tokens: 3, steps: 3, step_units: 3 },
    });
    expect(answer.usage.cost).toBeGreaterThan(0);
  });

  it("asks a node for the template, as many tokens as it may have", async ({ expect }) => {
    await (await ask({ template, tier: "quality", seed: 4 })).json();
    const request = stage.node.requests.at(-1);
    expect(request?.input).toEqual({
      type: "template",
      field: "template",
      segments: [
        { type: "text", text: "A " },
        { type: "hole", length: 2 },
        { type: "text", text: " sat on " },
        { type: "hole", min_length: 1, length: 3 },
        { type: "text", text: "." },
      ],
    });
    expect(request?.parameters).toMatchObject({ max_tokens: 5, steps: 5, seed: 4 });
  });

  it("has pinned words inside a hole, and a conversation before the template", async ({
    expect,
  }) => {
    const messages = [{ role: "user", content: "A story?" }];
    const filled = ["a", "b", "c"].map((text) => ({ text, token_count: 1 }));
    stage.node.script = (exchange) => exchange.complete(["abc"], {}, { holes: filled });
    const pinned = [
      { at: 0, text: "[" },
      { at: 2, text: "|" },
      { at: 3, text: "]" },
    ];
    const json = { messages, template: ["<", { length: 3, pinned }, ">", { length: 1 }] };
    const answer = infillAnswerSchema.parse(await (await ask(json)).json());
    expect(answer.text).toBe("<[a|b]>c");
    expect(answer.holes).toEqual([
      { text: "[a|b]", token_count: 2 },
      { text: "c", token_count: 1 },
    ]);
    expect(stage.node.requests.at(-1)?.input).toEqual({
      type: "template",
      field: "template",
      prompt: { type: "messages", messages },
      segments: [
        { type: "text", text: "<" },
        { type: "text", text: "[" },
        { type: "hole", length: 2 },
        { type: "text", text: "|" },
        { type: "hole", length: 1 },
        { type: "text", text: "]" },
        { type: "text", text: ">" },
        { type: "hole", length: 1 },
      ],
    });
  });

  it("streams the events of a native generation, its holes at the end", async ({ expect }) => {
    const response = await ask({ template, stream: true });
    const { names, events } = await readNative(response);
    expect(names).toEqual(["step", "step", "step", "done"]);
    const last = events.at(-1);
    expect(last?.type === "done" && last.generation.holes).toEqual([
      { text: "black cat", token_count: 2 },
      { text: "me", token_count: 1 },
    ]);
    const id = response.headers.get("x-generation-id");
    const key = stage.account.inferenceKey;
    const again = await stage.edge.send("GET", `/v1/generations/${id}/events?after=3`, { key });
    expect((await readNative(again)).names).toEqual(["done"]);
  });

  it("is held for with the passes of open lengths, and without where none is", async ({
    expect,
  }) => {
    const holes = [{ text: "cat", token_count: 1 }];
    stage.node.script = (exchange) => exchange.complete(["cat"], {}, { holes });
    const refundOf = async (hole: object) => {
      const answer = await (await ask({ template: ["A ", hole], steps: 4 })).json();
      const { cost, refunded, step_units: units } = infillAnswerSchema.parse(answer).usage;
      return ((cost + refunded) * units) / cost;
    };
    expect(await refundOf({ length: 4 })).toBe(4);
    expect(await refundOf({ min_length: 1, max_length: 4 })).toBe(8);
  });

  it("is given again under its idempotency key, and runs once", async ({ expect }) => {
    const headers = { "idempotency-key": "fill-once" };
    const first = await (await ask({ template }, headers)).json();
    const heard = stage.node.requests.length;
    const again = await ask({ template }, headers);
    expect(again.headers.get("idempotent-replayed")).toBe("true");
    expect(await again.json()).toEqual(first);
    expect(stage.node.requests).toHaveLength(heard);
  });

  it("is told by its own name what the node refuses, and fails without holes", async ({
    expect,
  }) => {
    stage.node.script = (exchange) => exchange.refuse("context_length_exceeded", "input");
    expect(await readError(await ask({ template }))).toMatchObject({
      status: 400,
      code: "context_length_exceeded",
      param: "template",
    });
    stage.node.script = (exchange) => exchange.complete(["x"]);
    expect(await readError(await ask({ template }))).toMatchObject({ code: "node_failed" });
  });

  it.for([
    [{}, "missing_parameter", "template"],
    [{ template: ["no hole"] }, "no_hole", "template"],
    [{ template: [{ length: 3 }, ""] }, "empty_prompt", "template"],
    [{ template: ["a", { length: 0 }] }, "invalid_parameter", "template.1.length"],
    [
      { template: ["a", { length: 3, max_length: 4 }] },
      "unknown_parameter",
      "template.1.max_length",
    ],
    [
      { template: ["a", { min_length: 3, max_length: 2 }] },
      "hole_length_invalid",
      "template.1.max_length",
    ],
    [{ template: ["a", { length: 4_000 }, { length: 97 }] }, "max_tokens_exceeded", "template"],
    [{ template: ["a".repeat(200_001), { length: 1 }] }, "context_length_exceeded", "template"],
    [{ template, echo: true }, "unknown_parameter", "echo"],
    [{ template, early_exit: true }, "invalid_parameter", "early_exit"],
    [
      { template, prompt: "a", messages: [{ role: "user", content: "a" }] },
      "invalid_parameter",
      "prompt",
    ],
    [
      { template, messages: [{ role: "user", content: "a", mood: 1 }] },
      "unknown_parameter",
      "messages.0.mood",
    ],
    [
      { template: ["a", { length: 2, pinned: [{ at: 3, text: "b" }] }] },
      "hole_length_invalid",
      "template.1.pinned",
    ],
    [
      {
        template: [
          "a",
          {
            length: 2,
            pinned: [
              { at: 1, text: "b" },
              { at: 0, text: "c" },
            ],
          },
        ],
      },
      "invalid_parameter",
      "template.1.pinned",
    ],
    [{ template, tier: "fast", steps: 3 }, "invalid_parameter", "tier"],
    [{ template, block_length: 5 }, "invalid_parameter", "block_length"],
    [
      { template: ["a", { length: 5 }], block_length: 2 },
      "block_length_not_a_divisor",
      "block_length",
    ],
  ] as const)("refuses %j", async ([json, code, param], { expect }) => {
    const heard = stage.node.requests.length;
    expect(await readError(await ask(json))).toMatchObject({ status: 400, code, param });
    expect(stage.node.requests).toHaveLength(heard);
  });
});

testRouteSecurity(() => stage.edge, {
  method: "POST",
  path,
  json: { template },
  scopes: ["inference"],
});
