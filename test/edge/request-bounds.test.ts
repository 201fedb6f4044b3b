/** What a client allows a request: time, and money. */
import { describe, it } from "vitest";
import { quoteSchema } from "../../shared/contracts/billing.ts";
import { errorBodySchema } from "../../shared/contracts/error-body.ts";
import { generationSchema } from "../../shared/contracts/generation-events.ts";
import { completionSchema } from "../../shared/contracts/openai-answers.ts";
import { createTestAccount, readError } from "./edge-harness.ts";
import { useEdgeStage } from "./edge-stage.ts";

const stage = useEdgeStage();
const send = (path: string, json: object) =>
  stage.edge.send("POST", path, { key: stage.account.inferenceKey, json });
const generate = async (json: object) =>
  generationSchema.parse(await (await send("/v1/generations", { prompt: "Once", ...json })).json());
const lastParameters = () => stage.node.requests.at(-1)?.parameters;

const BODIES = [
  ["/v1/completions", { prompt: "Once" }],
  ["/v1/chat/completions", { messages: [{ role: "user", content: "Hi" }] }],
  ["/v1/generations", { prompt: "Once" }],
] as const;

describe("a deadline", () => {
  it.for(BODIES)(
    "of %s is handed to the node as what is left of it",
    async ([path, body], { expect }) => {
      expect((await send(path, { ...body, deadline_ms: 60_000 })).status).toBe(200);
      const { deadline_ms: left } = lastParameters() ?? {};
      expect(left).toBeGreaterThan(0);
      expect(left).toBeLessThanOrEqual(60_000);
      expect((await send(path, body)).status).toBe(200);
      expect(lastParameters()).not.toHaveProperty("deadline_ms");
    },
  );

  it("that hastened steps says how many, in the usage of every answer", async ({ expect }) => {
    stage.node.script = (exchange) => exchange.complete(["a", "b"], {}, { hastened_steps: 1 });
    const native = await generate({ deadline_ms: 1_000 });
    expect([native.hastened_steps, native.usage?.hastened_steps]).toEqual([1, 1]);
    const answer = await send("/v1/completions", { prompt: "Once", deadline_ms: 1_000 });
    expect(completionSchema.parse(await answer.json()).usage.hastened_steps).toBe(1);
  });
});

describe("the tier auto", () => {
  it("is the best that fits the deadline by the node's step time, and is told and priced so", async ({
    expect,
  }) => {
    const ask = (deadline_ms: number) => generate({ tier: "auto", deadline_ms, max_tokens: 64 });
    // Nothing was measured yet.
    expect((await ask(600_000)).tier).toBe("draft");
    Object.assign(stage.node.model, { step_ms: 10 });
    await stage.edge.beat(stage.node.url);
    await expect.poll(async () => (await ask(600_000)).tier, { timeout: 5_000 }).toBe("max");
    const quality = await ask(1_000);
    expect(quality).toMatchObject({ tier: "quality", usage: { tier: "quality" } });
    expect(stage.node.requests.at(-1)).toMatchObject({
      tier: "quality",
      parameters: { steps: 64 },
    });
    const draft = await ask(50);
    expect(draft).toMatchObject({ tier: "draft", usage: { tier: "draft" } });
    const costs = [quality, draft].map(
      ({ usage }) => (usage?.cost ?? 0) / (usage?.step_units ?? 1),
    );
    expect(costs).toEqual([16, 8]);
  });

  it("is of every tier in a quote, since the moment chooses", async ({ expect }) => {
    const answer = await send("/v1/quote", { prompt: "Once", tier: "auto", deadline_ms: 5_000 });
    const { data } = quoteSchema.parse(await answer.json());
    expect(data.map(({ tier }) => tier)).toEqual(["draft", "fast", "balanced", "quality", "max"]);
  });

  it.for(BODIES)("of %s needs a deadline", async ([path, body], { expect }) => {
    expect(await readError(await send(path, { ...body, tier: "auto" }))).toMatchObject({
      status: 400,
      code: "missing_parameter",
      param: "deadline_ms",
    });
  });
});

describe("a price limit", () => {
  const SCORED = ["/v1/score", { prompt: "Once", answers: ["a"] }] as const;
  const FILLED = ["/v1/infill", { template: ["a", { length: 4 }] }] as const;

  it.for([...BODIES, SCORED, FILLED])(
    "of %s refuses what could cost more, and lets pass what cannot",
    async ([path, body], { expect }) => {
      const { inferenceKey: key, managementKey } = await createTestAccount(stage.edge);
      const quoted = await stage.edge.send("POST", "/v1/quote", {
        key,
        json: { ...body, tier: undefined },
      });
      const [line] = quoteSchema
        .parse(await quoted.json())
        .data.filter(({ tier }) => tier === (path === "/v1/score" ? "quality" : "balanced"));
      const required = line?.max_cost ?? 0;
      const heard = stage.node.requests.length;
      const refusal = await stage.edge.send("POST", path, {
        key,
        json: { ...body, max_price: required - 1 },
      });
      expect(refusal.status).toBe(402);
      expect(refusal.headers.get("x-should-retry")).toBe("false");
      expect(errorBodySchema.parse(await refusal.json()).error).toMatchObject({
        code: "max_price_exceeded",
        type: "billing_error",
        param: "max_price",
        metadata: { limit_source: "max_price", limit: required - 1, required },
      });
      expect(stage.node.requests).toHaveLength(heard);
      const ledger = await stage.edge.send("GET", "/v1/ledger", { key: managementKey });
      expect(await ledger.json()).toMatchObject({ held: 0 });
      await stage.edge.send("POST", path, { key, json: { ...body, max_price: required } });
      expect(stage.node.requests).toHaveLength(heard + 1);
    },
  );
});
