import OpenAI from "openai";
import { beforeEach, describe, it } from "vitest";
import { grantSchema } from "../../shared/contracts/node-wire.ts";
import {
  chatCompletionChunkSchema,
  chatCompletionSchema,
} from "../../shared/contracts/openai-answers.ts";
import { verifyToken } from "../../shared/contracts/signed-token.ts";
import { parseEvents } from "../../shared/event-stream/parse-events.ts";
import { readError } from "./edge-harness.ts";
import { useEdgeStage } from "./edge-stage.ts";
import { testRouteSecurity } from "./route-security.ts";
import { sayHello, stepFrame } from "./scripted-node.ts";
import { TEST_SECRETS } from "./test-secrets.ts";

const messages = [{ role: "user" as const, content: "Greet me." }];
const path = "/v1/chat/completions";

const stage = useEdgeStage();
beforeEach(() => {
  stage.node.script = sayHello;
});

const ask = (json: object) =>
  stage.edge.send("POST", path, { key: stage.account.inferenceKey, json });
const askForStream = (json: object = {}) => ask({ messages, stream: true, ...json });

/** Data and comments of a stream, in order. */
async function readStream(response: Response): Promise<string[]> {
  const heard: string[] = [];
  const onComment = (text: string) => heard.push(`: ${text}`);
  if (response.body === null) return heard;
  for await (const { data } of parseEvents(response.body, { onComment })) heard.push(data);
  return heard;
}

describe("a chat completion", () => {
  it("has OpenAI's shape, and the executed steps in its usage", async ({ expect }) => {
    const response = await ask({ messages });
    expect(response.status).toBe(200);
    const answer = chatCompletionSchema.parse(await response.json());
    expect(answer).toMatchObject({
      id: expect.stringMatching(/^chatcmpl-/),
      model: "llada-test",
      choices: [{ message: { content: "Hello there" }, finish_reason: "stop" }],
      usage: {
        prompt_tokens: 5,
        completion_tokens: 3,
        total_tokens: 8,
        steps: 2,
        forward_passes: 2,
        step_units: 2,
        cost: 32,
        refunded: 480,
      },
    });
  });

  it("tells its ids and where time went, and is cached by nobody", async ({ expect }) => {
    const { headers } = await ask({ messages });
    expect(headers.get("x-request-id")).toMatch(/^req_[0-9A-Za-z]{22}$/);
    expect(headers.get("x-generation-id")).toBe(stage.node.requests.at(-1)?.request_id);
    expect(headers.get("server-timing")).toMatch(/admit;dur=\d+, first-frame;dur=\d+, total/);
    expect(headers.get("cache-control")).toBe("no-store");
    expect(headers.get("x-content-type-options")).toBe("nosniff");
  });

  it("reaches the node as the client asked, under a grant for no more steps", async ({
    expect,
  }) => {
    let grant = "";
    stage.node.script = async (exchange) => {
      grant = exchange.grant;
      await sayHello(exchange);
    };
    const wish = { max_tokens: 32, steps: 8, block_length: 16, remasking: "random", seed: 7 };
    const content = [
      { type: "text", text: "Be " },
      { type: "text", text: "brief." },
    ];
    const instructed = [{ role: "developer", content }, ...messages];
    await ask({ messages: instructed, ...wish, stop: "\n", cfg_scale: 1.5, user: "somebody" });
    const request = stage.node.requests.at(-1);
    expect(request?.input).toEqual({
      type: "messages",
      messages: [{ role: "system", content: "Be brief." }, ...messages],
    });
    expect(request?.parameters).toMatchObject({ ...wish, stop: ["\n"], cfg_scale: 1.5 });
    const payload = grantSchema.parse(await verifyToken(grant, TEST_SECRETS.GRANT_SECRET));
    expect(payload).toMatchObject({ request_id: request?.request_id, max_steps: 8 });
    expect(payload.expires_at).toBeGreaterThan(Date.now());
  });

  it("takes the key as x-api-key, and the model by its name, by default or by none", async ({
    expect,
  }) => {
    for (const model of ["llada-test", "default", null, undefined]) {
      const headers = { "x-api-key": stage.account.inferenceKey };
      const response = await stage.edge.send("POST", path, { headers, json: { messages, model } });
      expect(response.status).toBe(200);
      await response.body?.cancel();
    }
    expect(await readError(await ask({ messages, model: "gpt-4o" }))).toMatchObject({
      status: 404,
      code: "model_not_found",
      param: "model",
    });
  });

  it("passes a node's refusal on: its code, its message, its field", async ({ expect }) => {
    stage.node.script = (exchange) => exchange.refuse("block_length_not_a_divisor", "block_length");
    expect(await readError(await ask({ messages, block_length: 8 }))).toMatchObject({
      status: 400,
      code: "block_length_not_a_divisor",
      param: "block_length",
      message: "Refused: block_length_not_a_divisor.",
    });
  });

  it("is told by its own name which field the node refuses", async ({ expect }) => {
    stage.node.script = (exchange) => exchange.refuse("context_length_exceeded", "input");
    expect(await readError(await ask({ messages }))).toMatchObject({ param: "messages" });
  });

  it("is refused when its body is wrong, before any node hears of it", async ({ expect }) => {
    const before = stage.node.requests.length;
    const error = await readError(await ask({ messages, n: 2 }));
    expect(error).toMatchObject({ status: 400, code: "unsupported_parameter", param: "n" });
    expect(stage.node.requests).toHaveLength(before);
  });

  it("fails when the receipt is not signed for it", async ({ expect }) => {
    stage.node.script = (exchange) => exchange.complete(["Hello"], { request_id: "gen_another" });
    expect(await readError(await ask({ messages }))).toMatchObject({
      status: 502,
      code: "node_failed",
      type: "server_error",
    });
  });
});

describe("a streamed chat completion", () => {
  it("opens with the role, adds text, ends with a reason and [DONE]", async ({ expect }) => {
    const response = await askForStream();
    expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    expect(response.headers.get("x-accel-buffering")).toBe("no");
    expect(response.headers.get("content-encoding")).toBe("identity");
    const heard = await readStream(response);
    expect(heard.pop()).toBe("[DONE]");
    const chunks = heard.map((data) => chatCompletionChunkSchema.parse(JSON.parse(data)));
    expect(chunks.map(({ choices: [choice] }) => [choice?.delta, choice?.finish_reason])).toEqual([
      [{ role: "assistant", content: "" }, null],
      [{ content: "Hello" }, null],
      [{ content: " there" }, null],
      [{}, "stop"],
    ]);
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
    expect(chunks.every((chunk) => !("usage" in chunk))).toBe(true);
  });

  it("adds one chunk with the usage when asked", async ({ expect }) => {
    const response = await askForStream({ stream_options: { include_usage: true } });
    const heard = await readStream(response);
    const chunks = heard.slice(0, -1).map((data) => JSON.parse(data));
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { steps: 2, total_tokens: 8 } });
    expect(chunks.slice(0, -1).map(({ usage }) => usage)).toEqual([null, null, null, null]);
  });

  it("passes heartbeats on as comments, at once", async ({ expect }) => {
    let proceed: () => void = () => undefined;
    stage.node.script = async (exchange) => {
      exchange.send({ type: "queued", ahead: 3 });
      exchange.comment("heartbeat");
      await new Promise<void>((resolve) => {
        proceed = resolve;
      });
      await exchange.complete(["late"]);
    };
    const response = await askForStream();
    const heard: string[] = [];
    const onComment = (text: string) => {
      heard.push(text);
      proceed();
    };
    const body = response.body ?? new ReadableStream();
    for await (const { data } of parseEvents(body, { onComment })) heard.push(data);
    expect(heard[1]).toBe("heartbeat");
    expect(heard.at(-1)).toBe("[DONE]");
  });

  it.for([
    ["breaks off", "node_failed"],
    ["ends early", "node_failed"],
    ["speaks nonsense", "node_failed"],
    ["reports an error", "session_failed"],
  ] as const)(
    "tells of it, and sends no [DONE], when the node %s",
    async ([how, code], { expect }) => {
      stage.node.script = (exchange) => {
        exchange.send({ type: "queued", ahead: 0 });
        exchange.send(stepFrame(1, "Hel"));
        if (how === "ends early") exchange.end();
        if (how === "breaks off") setTimeout(exchange.destroy, 50);
        if (how === "speaks nonsense") exchange.sendRaw("data: {}\n\n");
        if (how === "reports an error") {
          const message = "The session failed.";
          exchange.send({ type: "error", code, message, param: null, signed_receipt: null });
        }
      };
      const response = await askForStream();
      expect(response.status).toBe(200);
      const heard = await readStream(response);
      expect(JSON.parse(heard.at(-1) ?? "")).toMatchObject({
        error: { code, type: "server_error" },
        request_id: response.headers.get("x-request-id"),
      });
      expect(heard).not.toContain("[DONE]");
    },
  );

  it("is an error response when the node fails before its first frame", async ({ expect }) => {
    stage.node.script = (exchange) => exchange.refuse("overloaded");
    const response = await askForStream();
    expect(Number(response.headers.get("retry-after"))).toBeLessThanOrEqual(60);
    expect(await readError(response)).toMatchObject({ status: 429, code: "overloaded" });
  });
});

describe("the openai package", () => {
  const open = () =>
    new OpenAI({
      baseURL: `${stage.edge.url}/v1`,
      apiKey: stage.account.inferenceKey,
      maxRetries: 0,
    });

  it("reads the stream to its end", async ({ expect }) => {
    const stream = await open().chat.completions.create({
      model: "default",
      messages,
      stream: true,
    });
    let text = "";
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
    expect(text).toBe("Hello there");
  });

  it("throws when a stream breaks off", async ({ expect }) => {
    stage.node.script = (exchange) => {
      exchange.send(stepFrame(1, "Hel"));
      exchange.end();
    };
    const stream = await open().chat.completions.create({
      model: "default",
      messages,
      stream: true,
    });
    const read = async () => {
      for await (const _ of stream);
    };
    await expect(read()).rejects.toMatchObject({ code: "node_failed" });
  });
});

testRouteSecurity(() => stage.edge, {
  method: "POST",
  path,
  json: { messages },
  scopes: ["inference"],
});
