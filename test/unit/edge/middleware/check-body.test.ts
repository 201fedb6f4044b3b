import fc from "fast-check";
import { describe, it } from "vitest";
import { checkBody } from "../../../../edge/middleware/check-body.ts";
import { ApiError } from "../../../../shared/contracts/errors.ts";
import {
  chatCompletionRequestSchema,
  completionRequestSchema,
} from "../../../../shared/contracts/public-api.ts";

const jsonFormat = { type: "json_schema", json_schema: { name: "any", schema: { type: "null" } } };

const messages = [{ role: "user", content: "Hi" }];
const check = (body: unknown) => checkBody(chatCompletionRequestSchema, body);

/** The code and the field of a refusal, or `null` for a body that is taken. */
function refusalOf(body: unknown): [string, string | null] | null {
  try {
    check(body);
    return null;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return [error.code, error.param];
  }
}

describe("a chat request", () => {
  it("takes OpenAI's fields that mean nothing here, at the values that change nothing", ({
    expect,
  }) => {
    const neutral = {
      user: "u",
      metadata: { a: "b" },
      store: true,
      service_tier: "auto",
      top_p: 1,
      n: 1,
      frequency_penalty: 0,
      presence_penalty: 0,
      logprobs: false,
      tools: [],
      tool_choice: "none",
      response_format: { type: "text" },
      modalities: ["text"],
      logit_bias: {},
      parallel_tool_calls: true,
    };
    expect(refusalOf({ messages, ...neutral })).toBeNull();
    const nulls = Object.fromEntries(Object.keys(neutral).map((name) => [name, null]));
    const ours = { max_tokens: null, seed: null, stop: null, stream: null, steps: null };
    expect(refusalOf({ messages, ...nulls, ...ours })).toBeNull();
  });

  it.for([
    [{ n: 2 }, "n"],
    [{ top_p: 0.5 }, "top_p"],
    [{ frequency_penalty: 1 }, "frequency_penalty"],
    [{ presence_penalty: -1 }, "presence_penalty"],
    [{ logprobs: true }, "logprobs"],
    [{ tools: [{ type: "function" }] }, "tools"],
    [{ tool_choice: "required" }, "tool_choice"],
    [{ response_format: { type: "json_object" } }, "response_format.type"],
    [{ response_format: jsonFormat, stop: "x" }, "stop"],
    [{ response_format: jsonFormat, block_length: 8 }, "block_length"],
    [{ modalities: ["text", "audio"] }, "modalities"],
    [{ logit_bias: { 1: 2 } }, "logit_bias"],
    [{ reasoning_effort: "high" }, "reasoning_effort"],
  ] as const)("refuses what it cannot honour by name: %j", async ([fields, param], { expect }) => {
    expect(refusalOf({ messages, ...fields })).toEqual(["unsupported_parameter", param]);
  });

  it.for([
    [{ messages: [] }, "empty_prompt", "messages"],
    [{ messages: [{ role: "user", content: " \n" }] }, "empty_prompt", "messages"],
    [{ messages: [{ role: "user", content: [] }] }, "empty_prompt", "messages"],
    [{}, "missing_parameter", "messages"],
    [{ messages: [{ content: "Hi" }] }, "missing_parameter", "messages.0.role"],
    [{ messages: [{ role: "user" }] }, "missing_parameter", "messages.0.content"],
    [{ messages: [{ role: "ghost", content: "Hi" }] }, "invalid_parameter", "messages.0.role"],
    [{ messages: [{ role: "tool", content: "Hi" }] }, "unsupported_parameter", "messages.0.role"],
    [
      { messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: "x" } }] }] },
      "unsupported_parameter",
      "messages.0.content.0.type",
    ],
    [{ messages, tier: "auto" }, "missing_parameter", "deadline_ms"],
    [{ messages, deadline_ms: 0 }, "invalid_parameter", "deadline_ms"],
    [{ messages, max_price: -1 }, "invalid_parameter", "max_price"],
    [{ messages, stream_options: { include_usage: true } }, "invalid_parameter", "stream_options"],
    [{ messages, steps: 0 }, "invalid_parameter", "steps"],
    [{ messages, steps: 1.5 }, "invalid_parameter", "steps"],
    [{ messages, temperature: -1 }, "invalid_parameter", "temperature"],
    [{ messages, confidence_threshold: 1.5 }, "invalid_parameter", "confidence_threshold"],
    [{ messages, cache: "triple" }, "invalid_parameter", "cache"],
    [{ messages, early_exit: "yes" }, "invalid_parameter", "early_exit"],
    [{ messages, revision_steps: -1 }, "invalid_parameter", "revision_steps"],
    [{ messages, revision_steps: 8_193 }, "invalid_parameter", "revision_steps"],
    [{ messages, revision_steps: 1, remasking: "random" }, "invalid_parameter", "revision_steps"],
    [
      { messages, early_exit: true, response_format: jsonFormat },
      "invalid_parameter",
      "early_exit",
    ],
    [{ messages, block_length: 7 }, "block_length_not_a_divisor", "block_length"],
    [{ messages, block_length: 8, steps: 7 }, "more_blocks_than_steps", "steps"],
    [{ messages, seed: "7" }, "invalid_parameter", "seed"],
    [{ messages, stop: ["a", "b", "c", "d", "e"] }, "invalid_parameter", "stop"],
    [{ messages, max_tokens: 5_000 }, "max_tokens_exceeded", "max_tokens"],
    [{ messages, max_completion_tokens: 5_000 }, "max_tokens_exceeded", "max_completion_tokens"],
    [
      { messages, max_tokens: 8, max_completion_tokens: 9 },
      "invalid_parameter",
      "max_completion_tokens",
    ],
    [
      { messages: [{ role: "user", content: "a".repeat(200_001) }] },
      "context_length_exceeded",
      "messages",
    ],
    [[], "invalid_parameter", null],
    [null, "invalid_parameter", null],
  ] as const)("%j is refused as %s at %s", async ([body, code, param], { expect }) => {
    expect(refusalOf(body)).toEqual([code, param]);
  });

  it("leaves out what it does not know, wherever it is", ({ expect }) => {
    const strange = {
      messages: [{ role: "user", content: [{ type: "text", text: "Hi", mood: 1 }], mood: 1 }],
      stepz: 3,
      stream: true,
      stream_options: { include_usag: true },
      response_format: { ...jsonFormat, json_schema: { ...jsonFormat.json_schema, hint: 1 } },
    };
    expect(check(strange)).toEqual({
      messages,
      stream: true,
      stream_options: {},
      response_format: jsonFormat,
    });
  });

  it("lets an assistant have said nothing, and takes its answers back", ({ expect }) => {
    const answer = { role: "assistant", content: "", refusal: null, annotations: [] };
    expect(refusalOf({ messages: [...messages, answer, ...messages] })).toBeNull();
  });

  it("reads content in parts as one text, and a developer as the system", ({ expect }) => {
    const content = [
      { type: "text", text: "a" },
      { type: "text", text: "b" },
    ];
    expect(check({ messages: [{ role: "developer", content }, ...messages] }).messages).toEqual([
      { role: "system", content: "ab" },
      ...messages,
    ]);
  });

  it("is taken or refused with a code, whatever it is, and a refusal repeats no value", ({
    expect,
  }) => {
    const field = fc.constantFrom(
      "model",
      "messages",
      "steps",
      "stop",
      "tools",
      "metadata",
      "extra",
    );
    fc.assert(
      fc.property(fc.dictionary(field, fc.jsonValue()), (body) => {
        const secret = { ...body, user: 'S3CRET"' };
        try {
          check(secret);
        } catch (error) {
          expect(error).toBeInstanceOf(ApiError);
          expect(String(error)).not.toContain("S3CRET");
        }
      }),
    );
  });
});

describe("a completion request", () => {
  it("has no early exit where a suffix follows its text", ({ expect }) => {
    const refusal = expect.objectContaining({ code: "invalid_parameter", param: "early_exit" });
    const body = { prompt: "Once", suffix: " a cat.", early_exit: true };
    expect(() => checkBody(completionRequestSchema, body)).toThrowError(refusal);
  });

  it("takes one prompt, as text or in a list of one", ({ expect }) => {
    for (const prompt of ["Once", ["Once"]]) {
      expect(checkBody(completionRequestSchema, { prompt }).prompt).toBe("Once");
    }
  });

  it.for([[], [""], ["  "], ""])("finds no prompt in %j", async (prompt, { expect }) => {
    expect(() => checkBody(completionRequestSchema, { prompt })).toThrowError(
      expect.objectContaining({ code: "empty_prompt", param: "prompt" }),
    );
  });
});
