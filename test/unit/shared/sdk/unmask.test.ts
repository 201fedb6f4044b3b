import { describe, it, vi } from "vitest";
import { UnmaskError } from "../../../../shared/sdk/unmask-error.ts";
import {
  brokenConnection,
  createScriptedApi,
  events,
  json,
  refusal,
  whole,
  wholeEvents,
} from "./scripted-api.ts";

const soon = { "retry-after": "0" };

describe("a call of the SDK", () => {
  it("bears the key, a body as it was given and an idempotency key", async ({ expect }) => {
    const { client, seen } = createScriptedApi([json(whole)]);
    const answer = await client.generate({ prompt: "Once", max_tokens: 2 });
    expect(answer.text).toBe("ab");
    expect(seen[0]).toMatchObject({
      method: "POST",
      path: "/v1/generations",
      body: { prompt: "Once", max_tokens: 2 },
    });
    expect(seen[0]?.headers.get("authorization")).toBe("Bearer unm_test_key");
    expect(seen[0]?.headers.get("idempotency-key")).toMatch(/^[0-9a-f-]{36}$/);
  });

  it("is one request however often it is tried", async ({ expect }) => {
    const answers = [brokenConnection, refusal("no_ready_node", 503, soon), json(whole)];
    const { client, seen } = createScriptedApi(answers);
    await client.generate({ prompt: "Once" });
    expect(new Set(seen.map(({ headers }) => headers.get("idempotency-key"))).size).toBe(1);
    expect(seen).toHaveLength(3);
  });

  it("gives up after its tries, with the API's own words", async ({ expect }) => {
    const late = refusal("overloaded", 429, soon);
    const { client, seen } = createScriptedApi([late, late, late], { maxRetries: 2 });
    const error = await client.generate({ prompt: "Once" }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UnmaskError);
    expect(error).toMatchObject({
      code: "overloaded",
      status: 429,
      param: "max_tokens",
      requestId: "req_1",
      retryAfterSeconds: 0,
    });
    expect(seen).toHaveLength(3);
  });

  it.for([
    ["the request's own fault", refusal("invalid_parameter", 400)],
    ["money", refusal("insufficient_balance", 402, { "x-should-retry": "false" })],
  ] as const)("is not tried again for %s", async ([, answer], { expect }) => {
    const { client, seen } = createScriptedApi([answer]);
    await expect(client.generate({ prompt: "Once" })).rejects.toBeInstanceOf(UnmaskError);
    expect(seen).toHaveLength(1);
  });

  it("is not tried again where a second one would be another request", async ({ expect }) => {
    const { client, seen } = createScriptedApi([brokenConnection]);
    await expect(client.keys.create({ name: "a" })).rejects.toMatchObject({
      code: "connection_failed",
    });
    expect(seen).toHaveLength(1);
  });

  it("ends when it is aborted, also while it waits to try again", async ({ expect }) => {
    const { client } = createScriptedApi([refusal("no_ready_node", 503, { "retry-after": "60" })]);
    const abort = new AbortController();
    const call = client.generate({ prompt: "Once" }, { signal: abort.signal });
    setTimeout(() => abort.abort(), 5);
    await expect(call).rejects.toMatchObject({ code: "aborted" });
  });

  it("ends when nothing comes in time", async ({ expect }) => {
    const never = (_: unknown, signal: AbortSignal) =>
      new Promise<Response>((_, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason));
      });
    const { client } = createScriptedApi([never], { timeoutMs: 5, maxRetries: 0 });
    await expect(client.models()).rejects.toMatchObject({ code: "timeout" });
  });

  it("says so when an answer is none of the API's", async ({ expect }) => {
    const page = () => new Response("<html>", { status: 404 });
    const { client } = createScriptedApi([page]);
    await expect(client.tiers()).rejects.toMatchObject({ code: "invalid_answer", status: 404 });
  });

  it("puts what is asked for into the address", async ({ expect }) => {
    const { client, seen } = createScriptedApi(Array.from({ length: 5 }, () => json({})));
    await client.usage({ days: 7, after: "2026-11-24/fast/key_1/a b", limit: 2 });
    await client.ledger({ after: 9, limit: 5 });
    await client.keys.rotate("a/b", { overlapSeconds: 0 });
    await client.keys.update("a/b", { name: null });
    await client.generations.cancel("gen_1");
    expect(seen.map(({ path }) => path)).toEqual([
      "/v1/usage?days=7&after=2026-11-24%2Ffast%2Fkey_1%2Fa+b&limit=2",
      "/v1/ledger?after=9&limit=5",
      "/v1/keys/a%2Fb/rotate",
      "/v1/keys/a%2Fb",
      "/v1/generations/gen_1/cancel",
    ]);
  });
});

describe("a stream of the SDK", () => {
  it("tells each event with the canvas after it", async ({ expect }) => {
    const { client } = createScriptedApi([events(wholeEvents)]);
    const stream = client.stream({ prompt: "Once" });
    const texts: (string | undefined)[] = [];
    for await (const { canvas } of stream) texts.push(canvas?.toText("_"));
    expect(texts).toEqual([undefined, "__", "_b", "ab", "ab"]);
    expect(stream.id).toBe("gen_1");
    expect(await stream.final()).toEqual(whole);
  });

  it("goes on after the last event where the connection broke", async ({ expect }) => {
    const { client, seen } = createScriptedApi([
      events(wholeEvents.slice(0, 3), { isBroken: true }),
      events(wholeEvents.slice(3, 4), { firstId: 4 }),
      events(wholeEvents.slice(3), { firstId: 4 }),
    ]);
    vi.useFakeTimers({ toFake: ["setTimeout"], shouldAdvanceTime: true, advanceTimeDelta: 500 });
    try {
      const pieces: string[] = [];
      for await (const piece of client.stream({ prompt: "Once" }).text()) pieces.push(piece);
      expect(pieces).toEqual(["ab"]);
    } finally {
      vi.useRealTimers();
    }
    expect(seen.map(({ path }) => path)).toEqual([
      "/v1/generations",
      "/v1/generations/gen_1/events",
      "/v1/generations/gen_1/events",
    ]);
    expect(seen.map(({ headers }) => headers.get("last-event-id"))).toEqual([null, "3", "4"]);
  });

  it("throws after the last frame of a failure, and stops at one of a cancelling", async ({
    expect,
  }) => {
    const error = { message: "It broke.", type: "server_error", code: "node_failed", param: null };
    const failed = { ...whole, status: "failed", error } as typeof whole;
    const cancelled = { ...whole, status: "cancelled" as const };
    const { client } = createScriptedApi([
      events([{ type: "error", generation: failed }]),
      events([{ type: "error", generation: cancelled }]),
    ]);
    const seen: string[] = [];
    const read = async () => {
      for await (const { event } of client.stream({ prompt: "Once" })) seen.push(event.type);
    };
    await expect(read()).rejects.toMatchObject({ code: "node_failed" });
    expect(seen).toEqual(["error"]);
    expect(await client.stream({ prompt: "Once" }).final()).toMatchObject({ status: "cancelled" });
  });
});
