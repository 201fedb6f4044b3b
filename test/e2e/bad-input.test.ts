/** Every wrong request gets a clear answer with a stable code, and the product lives on. */
import { afterAll, beforeAll, describe, it } from "vitest";
import { startTestStack, type TestStack } from "../support/test-stack.ts";

let stack: TestStack;
beforeAll(async () => {
  stack = await startTestStack();
});
afterAll(() => stack?.stop());

const messages = [{ role: "user", content: "Hello" }];

async function send(
  body: unknown,
  key: string | null = stack.demo.api_key,
  path = "/chat/completions",
) {
  const response = await fetch(`${stack.demo.base_url}${path}`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(key === null ? {} : { authorization: `Bearer ${key}` }),
    },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, text, error: JSON.parse(text).error };
}

const WRONG: readonly [
  what: string,
  body: unknown,
  status: number,
  code: string,
  param: unknown,
][] = [
  ["malformed JSON", "{", 400, "invalid_json", null],
  ["a body that is no object", "[]", 400, "invalid_parameter", null],
  ["no messages", {}, 400, "missing_parameter", "messages"],
  ["an empty list of messages", { messages: [] }, 400, "empty_prompt", "messages"],
  [
    "an empty prompt",
    { messages: [{ role: "user", content: "  " }] },
    400,
    "empty_prompt",
    "messages",
  ],
  [
    "a prompt longer than the context",
    { messages: [{ role: "user", content: "word ".repeat(2_000) }] },
    400,
    "context_length_exceeded",
    "messages",
  ],
  ["zero steps", { messages, steps: 0 }, 400, "invalid_parameter", "steps"],
  ["steps that are no integer", { messages, steps: 1.5 }, 400, "invalid_parameter", "steps"],
  [
    "max_tokens beyond the limit",
    { messages, max_tokens: 1_000_000 },
    400,
    "max_tokens_exceeded",
    "max_tokens",
  ],
  [
    "a block length that does not divide",
    { messages, max_tokens: 32, block_length: 5 },
    400,
    "block_length_not_a_divisor",
    "block_length",
  ],
  [
    "more blocks than steps",
    { messages, max_tokens: 32, block_length: 8, steps: 2 },
    400,
    "more_blocks_than_steps",
    "steps",
  ],
  ["several choices", { messages, n: 2 }, 400, "unsupported_parameter", "n"],
  ["another model", { messages, model: "gpt-4o" }, 404, "model_not_found", "model"],
  [
    "a negative temperature",
    { messages, temperature: -1 },
    400,
    "invalid_parameter",
    "temperature",
  ],
];

describe("a wrong request", () => {
  it("an unknown field is refused by name where the endpoint is ours", async ({ expect }) => {
    const body = { messages, stepz: 3 };
    const { status, error } = await send(body, stack.demo.api_key, "/generations");
    expect(status).toBe(400);
    expect(error).toMatchObject({ code: "unknown_parameter", param: "stepz" });
    expect((await send({ ...body, max_tokens: 8 })).status).toBe(200);
  });

  it.for(WRONG)("%s is refused by name", async ([, body, status, code, param], { expect }) => {
    const answer = await send(body);
    expect(answer).toMatchObject({ status, error: { code, param } });
    expect(answer.text).not.toMatch(/\bat .*\.ts|node_modules/);
  });

  it.for([
    ["no key", null, "missing_api_key"],
    ["garbage for a key", "garbage", "invalid_api_key"],
    ["a key with one character changed", "changed", "invalid_api_key"],
  ] as const)("%s is refused", async ([, key, code], { expect }) => {
    const real = stack.demo.api_key;
    const changed = real.slice(0, 20) + (real[20] === "a" ? "b" : "a") + real.slice(21);
    const answer = await send({ messages }, key === "changed" ? changed : key);
    expect(answer).toMatchObject({ status: 401, error: { code } });
  });

  it("leaves the product alive", async ({ expect }) => {
    const answer = await send({ messages, max_tokens: 8 });
    expect(answer.status).toBe(200);
    expect(stack.log()).not.toContain("unhandled");
    // Nor was anything of it written down.
    expect(stack.log()).not.toMatch(/Hello|word word|unm_/);
  });
});
