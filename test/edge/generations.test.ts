/** `/v1/generations`: our own words, and what can be done with a generation beside reading it once. */
import { beforeEach, describe, it } from "vitest";
import { ledgerPageSchema } from "../../shared/contracts/billing.ts";
import { generationSchema } from "../../shared/contracts/generation-events.ts";
import { readError, type SendOptions } from "./edge-harness.ts";
import { useEdgeStage } from "./edge-stage.ts";
import { readNative } from "./native-stream.ts";
import { testRouteSecurity } from "./route-security.ts";
import { sayHello, stepFrame } from "./scripted-node.ts";

const path = "/v1/generations";
const stage = useEdgeStage();
beforeEach(() => {
  stage.node.script = sayHello;
});

const send = (method: string, where: string, options: SendOptions = {}) =>
  stage.edge.send(method, where, { key: stage.account.inferenceKey, ...options });
const ask = (json: object, options: SendOptions = {}) => send("POST", path, { json, ...options });
const look = async (id: string) =>
  generationSchema.parse(await (await send("GET", `${path}/${id}`)).json());

async function readMoney() {
  const response = await stage.edge.send("GET", "/v1/ledger", { key: stage.account.managementKey });
  const { held, data } = ledgerPageSchema.parse(await response.json());
  return { held, charges: data.filter(({ kind }) => kind === "charge") };
}

describe("a generation", () => {
  it("is answered whole, with its bill, and can be looked up", async ({ expect }) => {
    const response = await ask({ prompt: "Once", tier: "quality", max_tokens: 4 });
    expect(response.status).toBe(200);
    const generation = generationSchema.parse(await response.json());
    expect(generation).toMatchObject({
      id: response.headers.get("x-generation-id"),
      status: "completed",
      model: stage.node.model.id,
      tier: "quality",
      text: "Hello there",
      holes: null,
      finish_reason: "stop",
      hastened_steps: 0,
      usage: { steps: 2, step_units: 2, tier: "quality", hastened_steps: 0 },
      error: null,
    });
    expect(await look(generation.id)).toEqual(generation);
    expect(stage.node.requests.at(-1)).toMatchObject({
      request_id: generation.id,
      detail: "canvas",
      input: { type: "text", text: "Once" },
    });
  });

  it("streams the canvas as it fills, numbered, and the same again from any number", async ({
    expect,
  }) => {
    stage.node.script = async (exchange) => {
      exchange.send({ type: "queued", ahead: 2 });
      exchange.send({
        type: "started",
        prompt_tokens: 3,
        generation_length: 4,
        steps: 2,
        block_length: 4,
      });
      const committed = [{ position: 3, token_id: 9, confidence: 0.75, text: "Hi" }];
      const provisional = [{ position: 4, token_id: 8, confidence: 0.5, text: "!" }];
      const canvas = { provisional, remasked: [], resize: null, length: 7 };
      const step = { type: "step", step: 1, block: 0, masked_count: 3, forward_passes: 1 } as const;
      exchange.send({ ...step, committed, canvas, step_units: 1, text_delta: "Hi" });
      await exchange.complete([]);
    };
    const response = await ask({ messages: [{ role: "user", content: "Hi" }], stream: true });
    expect(response.headers.get("content-type")).toContain("text/event-stream");
    const { events, ids, names } = await readNative(response);
    expect(ids).toEqual(["1", "2", "3", "4"]);
    expect(names).toEqual(["queued", "started", "step", "done"]);
    const id = response.headers.get("x-generation-id") ?? "";
    expect(events[0]).toEqual({ type: "queued", id, ahead: 2 });
    expect(events[1]).toMatchObject({
      canvas_length: 7,
      prompt_tokens: 3,
      given: [],
      tier: "balanced",
    });
    expect(events[2]).toMatchObject({
      committed: [{ position: 3, text: "Hi" }],
      provisional: [{ position: 4, text: "!" }],
      length: 7,
      text_delta: "Hi",
    });
    for (const [headers, query] of [
      [{ "last-event-id": "2" }, ""],
      [{}, "?after=2"],
    ] as const) {
      const again = await readNative(
        await send("GET", `${path}/${id}/events${query}`, { headers }),
      );
      expect(again.ids).toEqual(["3", "4"]);
      expect(again.events).toEqual(events.slice(2));
    }
    const whole = await readNative(await send("GET", `${path}/${id}/events`));
    expect(whole.events).toEqual(events);
  });

  it("tells each step what it has cost so far, which is what is charged", async ({ expect }) => {
    const { events } = await readNative(await ask({ prompt: "Once", stream: true }));
    const costs = events.flatMap((event) => (event.type === "step" ? [event.cost] : []));
    const last = events.at(-1);
    expect(costs).toHaveLength(2);
    expect(last?.type === "done" && last.generation.usage?.cost).toBe(costs.at(-1));
  });

  it("fills a template after a conversation, whole and by its holes", async ({ expect }) => {
    const holes = [{ text: "cat", token_count: 1 }];
    stage.node.script = (exchange) => exchange.complete(["cat"], {}, { holes });
    const messages = [{ role: "user", content: "Which?" }];
    const response = await ask({ messages, template: ["A ", { length: 1 }, "."] });
    expect(generationSchema.parse(await response.json())).toMatchObject({ text: "A cat.", holes });
    expect(stage.node.requests.at(-1)?.input).toMatchObject({
      type: "template",
      prompt: { type: "messages", messages },
    });
  });

  it("asks for JSON under a schema", async ({ expect }) => {
    const schema = { type: "boolean" };
    const format = { type: "json_schema", json_schema: { name: "any", schema } };
    await ask({ messages: [{ role: "user", content: "?" }], response_format: format });
    expect(stage.node.requests.at(-1)?.input).toMatchObject({ type: "json", schema });
  });

  it("that the node refuses is refused with its code, also when it is streamed", async ({
    expect,
  }) => {
    stage.node.script = (exchange) => exchange.refuse("context_length_exceeded", "input");
    for (const stream of [false, true]) {
      const response = await ask({ prompt: "Once", stream });
      expect(await readError(response)).toMatchObject({
        status: 400,
        code: "context_length_exceeded",
        param: "prompt",
      });
      const id = response.headers.get("x-generation-id") ?? "";
      expect(await look(id)).toMatchObject({ status: "failed", usage: null });
    }
    expect((await readMoney()).held).toBe(0);
  });

  it("that breaks off ends its stream with why, and is charged what its receipt says", async ({
    expect,
  }) => {
    stage.node.script = async (exchange) => {
      exchange.send(stepFrame(1, "Hel"));
      await exchange.fail("session_failed", 1);
    };
    const { events } = await readNative(await ask({ prompt: "Once", stream: true }));
    expect(events.at(-1)).toMatchObject({
      type: "error",
      generation: {
        status: "failed",
        text: "Hel",
        error: { code: "session_failed" },
        usage: { steps: 1 },
      },
    });
    expect((await readMoney()).held).toBe(0);
  });

  it.for([
    [{}, "missing_parameter", "prompt"],
    [{ prompt: " " }, "empty_prompt", "prompt"],
    [{ prompt: "a", messages: [{ role: "user", content: "a" }] }, "invalid_parameter", "prompt"],
    [{ prompt: "a", stepz: 1 }, "unknown_parameter", "stepz"],
    [{ prompt: "a", top_p: 1 }, "unknown_parameter", "top_p"],
    [{ messages: [{ role: "user", content: "a", x: 1 }] }, "unknown_parameter", "messages.0.x"],
    [{ template: [{ length: 2 }] }, "empty_prompt", "template"],
    [{ template: ["a", { length: 2 }], max_tokens: 2 }, "invalid_parameter", "max_tokens"],
    [{ template: ["a", { length: 2 }], stop: "x" }, "unsupported_parameter", "stop"],
    [{ template: ["a", { length: 2 }], early_exit: true }, "invalid_parameter", "early_exit"],
    [{ prompt: "a", tier: "auto" }, "missing_parameter", "deadline_ms"],
    [{ prompt: "a", stream: true, background: true }, "invalid_parameter", "background"],
    [
      { prompt: "a", response_format: { type: "json_schema", json_schema: { schema: {} } } },
      "invalid_parameter",
      "response_format",
    ],
  ] as const)("%j is refused as %s at %s", async ([json, code, param], { expect }) => {
    const heard = stage.node.requests.length;
    expect(await readError(await ask(json))).toMatchObject({ status: 400, code, param });
    expect(stage.node.requests).toHaveLength(heard);
  });
});

describe("a generation that is not the account's", () => {
  it.for(["gen_0000000000000000", "gen_", "x", "gen_a%2Fb"])(
    "%s is not found",
    async (id, { expect }) => {
      for (const [method, tail] of [
        ["GET", ""],
        ["GET", "/events"],
        ["POST", "/cancel"],
      ] as const) {
        const error = await readError(await send(method, `${path}/${id}${tail}`));
        expect(error).toMatchObject({ status: 404, code: "not_found" });
      }
    },
  );

  it("is not found by another account's key", async ({ expect }) => {
    const { id } = generationSchema.parse(await (await ask({ prompt: "Once" })).json());
    const { inferenceKey: key } = await stage.openAccount();
    for (const [method, tail] of [
      ["GET", ""],
      ["GET", "/events"],
      ["POST", "/cancel"],
    ] as const) {
      const error = await readError(await send(method, `${path}/${id}${tail}`, { key }));
      expect(error).toMatchObject({ status: 404, code: "not_found" });
    }
  });

  it("is not read from a number that is none", async ({ expect }) => {
    const { id } = generationSchema.parse(await (await ask({ prompt: "Once" })).json());
    const byQuery = await readError(await send("GET", `${path}/${id}/events?after=-1`));
    expect(byQuery).toMatchObject({ status: 400, code: "invalid_parameter", param: "after" });
    const headers = { "last-event-id": "x" };
    const byHeader = await readError(await send("GET", `${path}/${id}/events`, { headers }));
    expect(byHeader).toMatchObject({ status: 400, param: "Last-Event-ID" });
  });
});

testRouteSecurity(() => stage.edge, {
  method: "POST",
  path,
  json: { prompt: "Once" },
  scopes: ["inference"],
});
for (const [method, tail] of [
  ["GET", ""],
  ["GET", "/events"],
  ["POST", "/cancel"],
] as const) {
  testRouteSecurity(() => stage.edge, {
    method,
    path: `${path}/gen_0000000000000000${tail}`,
    scopes: ["inference"],
  });
}
