import { afterAll, beforeAll, describe, it } from "vitest";
import { infillAnswerSchema } from "../../shared/contracts/infill.ts";
import { startTestStack, type TestStack } from "../support/test-stack.ts";

let stack: TestStack;
beforeAll(async () => {
  stack = await startTestStack();
});
afterAll(() => stack?.stop());

async function fill(json: object) {
  const response = await fetch(`${stack.demo.base_url}/infill`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${stack.demo.api_key}`,
      "content-type": "application/json",
    },
    body: JSON.stringify(json),
  });
  return infillAnswerSchema.parse(await response.json());
}

describe("an infill of the whole product", () => {
  it("fills holes of fixed length, and bills the steps", async ({ expect }) => {
    const answer = await fill({
      template: ["Once there was a", { length: 2 }, ". It", { length: 3 }, " home."],
      tier: "quality",
    });
    expect(answer.holes.map((hole) => hole.token_count)).toEqual([2, 3]);
    const [first, second] = answer.holes.map((hole) => hole.text);
    expect(answer.text).toBe(`Once there was a${first}. It${second} home.`);
    expect(answer.usage).toMatchObject({ completion_tokens: 5, steps: 5, forward_passes: 5 });
    const unitPrice = answer.usage.cost / 5;
    expect(Number.isInteger(unitPrice)).toBe(true);
    expect(answer.usage.refunded).toBe(0);
  });

  it("chooses open lengths by passes that are billed, within the hold", async ({ expect }) => {
    const json = {
      template: ["The", { min_length: 1, max_length: 4 }, " went home."],
      steps: 4,
      seed: 1,
    };
    const answer = await fill(json);
    const [hole] = answer.holes;
    const { steps, forward_passes: passes, cost, step_units: units } = answer.usage;
    expect(hole?.token_count).toBeGreaterThanOrEqual(1);
    expect(hole?.token_count).toBeLessThanOrEqual(4);
    expect(answer.usage.completion_tokens).toBe(hole?.token_count);
    expect(passes).toBe(steps + 4);
    expect(units).toBe(passes);
    expect(((cost + answer.usage.refunded) * units) / cost).toBe(8);
    const again = await fill(json);
    expect(again.text).toBe(answer.text);
  });
});
