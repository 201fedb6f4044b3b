/** The `ai` package with `@ai-sdk/openai-compatible`, unchanged but for its base URL and key. */

import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, streamText } from "ai";
import { beforeEach, describe, it } from "vitest";
import { createTestAccount } from "./edge-harness.ts";
import { useEdgeStage } from "./edge-stage.ts";
import { sayHello } from "./scripted-node.ts";

const stage = useEdgeStage();
beforeEach(() => {
  stage.node.script = sayHello;
});

const open = (apiKey: string) =>
  createOpenAICompatible({
    name: "unmask",
    baseURL: `${stage.edge.url}/v1`,
    apiKey,
    includeUsage: true,
  })("default");

describe("the ai package", () => {
  it("generates text and reads its usage", async ({ expect }) => {
    const { text, finishReason, usage } = await generateText({
      model: open(stage.account.inferenceKey),
      prompt: "Greet me.",
      maxOutputTokens: 32,
      providerOptions: { unmask: { tier: "fast" } },
    });
    expect(text).toBe("Hello there");
    expect(finishReason).toBe("stop");
    expect(usage).toMatchObject({ inputTokens: 5, outputTokens: 3, totalTokens: 8 });
    expect(stage.node.requests.at(-1)?.parameters).toMatchObject({ max_tokens: 32, steps: 8 });
  });

  it("streams text and reads its usage", async ({ expect }) => {
    const result = streamText({ model: open(stage.account.inferenceKey), prompt: "Greet me." });
    let text = "";
    for await (const piece of result.textStream) text += piece;
    expect(text).toBe("Hello there");
    expect(await result.usage).toMatchObject({ inputTokens: 5, outputTokens: 3, totalTokens: 8 });
  });

  it("does not try again what no retry mends", async ({ expect }) => {
    const poor = await createTestAccount(stage.edge, { credit: 1 });
    const before = stage.node.requests.length;
    const asking = generateText({
      model: open(poor.inferenceKey),
      prompt: "Greet me.",
      maxRetries: 2,
    });
    await expect(asking).rejects.toMatchObject({ statusCode: 402, isRetryable: false });
    expect(stage.node.requests).toHaveLength(before);
  });
});
