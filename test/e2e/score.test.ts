import { afterAll, beforeAll, describe, it } from "vitest";
import { scoreAnswerSchema } from "../../shared/contracts/score.ts";
import { startTestStack, type TestStack } from "../support/test-stack.ts";

let stack: TestStack;
beforeAll(async () => {
  stack = await startTestStack();
});
afterAll(() => stack?.stop());

async function score(json: object) {
  const response = await fetch(`${stack.demo.base_url}/score`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${stack.demo.api_key}`,
      "content-type": "application/json",
    },
    body: JSON.stringify(json),
  });
  return scoreAnswerSchema.parse(await response.json());
}

describe("a score of the whole product", () => {
  it("finds a sentence likelier than a heap of words, and bills each row", async ({ expect }) => {
    const request = {
      prompt: "Once upon a time, there was a little",
      answers: [" girl who liked to play.", " the of and zebra quickly"],
      samples: 16,
      seed: 1,
    };
    const answer = await score(request);
    expect(answer.best).toBe(0);
    for (const { log_likelihood: value, samples, tokens } of answer.answers) {
      expect(value).toBeLessThan(0);
      expect(samples).toBe(16);
      expect(tokens).toBeGreaterThan(1);
    }
    expect(answer.usage).toMatchObject({
      steps: 32,
      forward_passes: 32,
      step_units: 32,
      refunded: 0,
    });
    const [again, beside] = await Promise.all([
      score(request),
      score({ ...request, messages: [{ role: "user", content: "Tell me." }], prompt: null }),
    ]);
    expect(again.answers).toEqual(answer.answers);
    expect(beside.answers).not.toEqual(answer.answers);
  });
});
