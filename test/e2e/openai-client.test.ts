/** The `openai` package as npm serves it, unchanged but for its base URL and key. */
import { Ajv } from "ajv";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, it } from "vitest";
import { startTestStack, type TestStack } from "../support/test-stack.ts";

let stack: TestStack;
let client: OpenAI;

beforeAll(async () => {
  stack = await startTestStack();
  client = new OpenAI({ baseURL: stack.demo.base_url, apiKey: stack.demo.api_key, maxRetries: 0 });
});
afterAll(() => stack?.stop());

const messages = [{ role: "user" as const, content: "Tell me a story about a cat." }];

describe("the openai package", () => {
  it("gets a chat completion with the executed steps in its usage", async ({ expect }) => {
    const answer = await client.chat.completions.create({
      model: "default",
      messages,
      max_tokens: 32,
    });
    const steps = answer.usage && Reflect.get(answer.usage, "steps");
    expect(answer.usage).toMatchObject({ forward_passes: steps, step_units: steps });
    expect(steps).toBeLessThanOrEqual(16);
    expect(answer.object).toBe("chat.completion");
    expect(answer.choices[0]?.message.role).toBe("assistant");
    expect(answer.choices[0]?.message.content?.trim()).not.toBe("");
    const { prompt_tokens = 0, completion_tokens = 0, total_tokens } = answer.usage ?? {};
    expect(total_tokens).toBe(prompt_tokens + completion_tokens);
    expect(completion_tokens).toBeLessThanOrEqual(32);
  });

  it("runs exactly the steps that it names", async ({ expect }) => {
    const exact = { model: "default", messages, max_tokens: 32, steps: 12 };
    const { usage } = await client.chat.completions.create(exact);
    expect(usage).toMatchObject({ steps: 12, forward_passes: 12, step_units: 12 });
  });

  it("streams the same text as it answers at once", async ({ expect }) => {
    const request = { model: "default", messages, max_tokens: 32, temperature: 0 };
    const whole = await client.chat.completions.create(request);
    const stream = await client.chat.completions.create({
      ...request,
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = "";
    let finishReason: string | null = null;
    let usage: unknown = null;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? "";
      finishReason = chunk.choices[0]?.finish_reason ?? finishReason;
      usage = chunk.usage ?? usage;
    }
    expect(text).toBe(whole.choices[0]?.message.content);
    expect(finishReason).toBe(whole.choices[0]?.finish_reason);
    expect(usage).toEqual(whole.usage);
  });

  it("completes a text, whole and streamed", async ({ expect }) => {
    const request = { model: "default", prompt: "Once upon a time", max_tokens: 24 };
    const whole = await client.completions.create(request);
    expect(whole.object).toBe("text_completion");
    let text = "";
    for await (const chunk of await client.completions.create({ ...request, stream: true })) {
      text += chunk.choices[0]?.text ?? "";
    }
    expect(text).toBe(whole.choices[0]?.text);
  });

  it("fills the gap before a suffix, whole and streamed", async ({ expect }) => {
    const request = {
      model: "default",
      prompt: "Once there was a",
      suffix: " who lived in a house.",
      max_tokens: 4,
    };
    const whole = await client.completions.create(request);
    expect(whole.usage).toMatchObject({ completion_tokens: 4, steps: 2 });
    expect(whole.choices[0]?.text).not.toContain("lived in a house");
    let text = "";
    for await (const chunk of await client.completions.create({ ...request, stream: true })) {
      text += chunk.choices[0]?.text ?? "";
    }
    expect(text).toBe(whole.choices[0]?.text);
  });

  it("gets JSON that is valid under its schema, whole and streamed", async ({ expect }) => {
    const schema = {
      type: "object",
      properties: {
        animal: { enum: ["cat", "dog", "elephant"] },
        name: { type: "string" },
        age: { type: "integer", minimum: 0, maximum: 30 },
      },
      required: ["animal", "name", "age"],
      additionalProperties: false,
    };
    const request = {
      model: "default",
      messages,
      max_tokens: 32,
      response_format: {
        type: "json_schema" as const,
        json_schema: { name: "pet", schema, strict: true },
      },
    };
    const whole = await client.chat.completions.create(request);
    const content = whole.choices[0]?.message.content ?? "";
    expect(new Ajv({ strict: false }).validate(schema, JSON.parse(content))).toBe(true);
    expect(whole.choices[0]?.finish_reason).toBe("stop");
    let text = "";
    for await (const chunk of await client.chat.completions.create({ ...request, stream: true })) {
      text += chunk.choices[0]?.delta.content ?? "";
    }
    expect(text).toBe(content);
    const json_schema = { name: "bad", schema: { type: "string", pattern: "a+" } };
    await expect(
      client.chat.completions.create({
        ...request,
        response_format: { type: "json_schema", json_schema },
      }),
    ).rejects.toMatchObject({
      status: 400,
      code: "schema_not_supported",
      param: "response_format.json_schema.schema.pattern",
    });
  });

  it("gives the same tokens for the same seed and others for another", async ({ expect }) => {
    const sample = async (seed: number) => {
      const answer = await client.chat.completions.create({
        model: "default",
        messages,
        max_tokens: 32,
        temperature: 1,
        seed,
      });
      return answer.choices[0]?.message.content;
    };
    const [first, again, other] = [await sample(1), await sample(1), await sample(2)];
    expect(again).toBe(first);
    expect(other).not.toBe(first);
  });

  it("answers requests in flight together as it answers each alone", async ({ expect }) => {
    const ask = async (length: number) => {
      const answer = await client.chat.completions.create({
        model: "default",
        messages,
        max_tokens: length,
      });
      return answer.choices[0]?.message.content;
    };
    const lengths = [8, 16, 24, 32, 40, 48];
    const alone: unknown[] = [];
    for (const length of lengths) alone.push(await ask(length));
    expect(await Promise.all(lengths.map(ask))).toEqual(alone);
  });

  it("lists the model", async ({ expect }) => {
    const models = await client.models.list();
    expect(models.data).toHaveLength(1);
    expect((await client.models.retrieve(models.data[0]?.id ?? "")).object).toBe("model");
  });

  it("throws its own typed errors, with our code", async ({ expect }) => {
    const stranger = new OpenAI({
      baseURL: stack.demo.base_url,
      apiKey: "nobody",
      maxRetries: 0,
    });
    await expect(
      stranger.chat.completions.create({ model: "default", messages }),
    ).rejects.toMatchObject({ status: 401, code: "invalid_api_key" });
    await expect(
      client.chat.completions.create({ model: "gpt-4o", messages }),
    ).rejects.toMatchObject({ status: 404, code: "model_not_found", param: "model" });
  });
});
