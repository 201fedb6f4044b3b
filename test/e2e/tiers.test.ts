/** Every tier on the real node, under every way of choosing what stays masked. */
import { afterAll, beforeAll, describe, it } from "vitest";
import { z } from "zod";
import { quoteSchema } from "../../shared/contracts/billing.ts";
import { chatCompletionSchema, completionSchema } from "../../shared/contracts/openai-answers.ts";
import { tierSchema } from "../../shared/contracts/tier-names.ts";
import { TIERS } from "../../shared/contracts/tiers.ts";
import { startTestStack, type TestStack } from "../support/test-stack.ts";

const GENERATION_LENGTH = 32;
const WAYS = [
  {},
  { temperature: 1, seed: 3 },
  { cfg_scale: 1 },
  { remasking: "random", seed: 5 },
  { suffix: " and they lived in a house." },
] as const;

let stack: TestStack;
beforeAll(async () => {
  stack = await startTestStack();
});
afterAll(() => stack?.stop());

function send(path: string, json: object): Promise<Response> {
  return fetch(`${stack.demo.base_url}${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${stack.demo.api_key}`, "content-type": "application/json" },
    body: JSON.stringify(json),
  });
}

describe.for(tierSchema.options)("the tier %s", (tier) => {
  it("writes JSON that its schema allows", async ({ expect }) => {
    const schema = {
      type: "object",
      properties: { a: { type: "boolean" }, b: { enum: ["x", "y"] } },
    };
    const response_format = { type: "json_schema", json_schema: { schema } };
    const messages = [{ role: "user", content: "Hi" }];
    const json = { messages, max_tokens: GENERATION_LENGTH, tier, response_format };
    const { choices } = chatCompletionSchema.parse(
      await (await send("/chat/completions", json)).json(),
    );
    const value = z.strictObject({ a: z.boolean(), b: z.enum(["x", "y"]) }).partial();
    expect(() => value.parse(JSON.parse(choices[0].message.content))).not.toThrow();
  });

  it.for(WAYS)("answers within its quote with %j", async (way, { expect }) => {
    const json = { prompt: "Once upon a time", max_tokens: GENERATION_LENGTH, tier, ...way };
    const { data } = quoteSchema.parse(await (await send("/quote", json)).json());
    const response = await send("/completions", json);
    expect(response.status).toBe(200);
    const { choices, usage } = completionSchema.parse(await response.json());
    expect(choices[0].text.trim()).not.toBe("");
    const { tokensPerStep, revisionStepsPerToken } = TIERS[tier];
    const share = 1 / tokensPerStep + revisionStepsPerToken;
    expect(usage.steps).toBeLessThanOrEqual(GENERATION_LENGTH * share);
    expect(usage.step_units).toBeLessThanOrEqual(data[0]?.max_step_units ?? 0);
    expect(usage.cost + usage.refunded).toBe(data[0]?.max_cost);
  });
});
