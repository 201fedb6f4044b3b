import { describe, it } from "vitest";
import { NodeClient } from "../../../../edge/pool/node-client.ts";
import { NodePool } from "../../../../edge/pool/node-pool.ts";
import { createNodeRequest } from "./node-request.ts";
import { createHeartbeat, createModel, createScriptedPool } from "./scripted-pool.ts";

const timeouts = {
  cancelMs: 500,
  connectMs: 1_000,
  firstFrameMs: 1_000,
  silenceMs: 1_000,
  totalMs: 60_000,
};
const QUEUED = 'data: {"type":"queued","ahead":0}\n\n';

/** An edge over nodes that say `firstEvent` and hold the line, or refuse it; on a clock of its own. */
function createEdge(urls: readonly string[], firstEvent: string | null = QUEUED) {
  const clock = { nowMs: 0 };
  const lines: { url: string; signal: AbortSignal | null | undefined }[] = [];
  const fetch = async (url: string, { signal }: RequestInit): Promise<Response> => {
    lines.push({ url: url.replace("/generations", ""), signal });
    if (firstEvent === null) throw new TypeError("nobody listens there");
    return new Response(
      new ReadableStream({
        start(controller) {
          controller.enqueue(new TextEncoder().encode(firstEvent));
        },
      }),
    );
  };
  const now = () => clock.nowMs;
  const nodes = new NodePool(new NodeClient(fetch, now, timeouts), now, () => 0);
  const pool = createScriptedPool(urls, now);
  const open = () =>
    nodes.open({
      pool,
      model: createModel(),
      request: createNodeRequest(),
      billTo: "acct_1",
      grantSecret: "secret",
      claimAttempt: async () => true,
      waitMs: 0,
      signal: new AbortController().signal,
      onFailureReceipt: () => undefined,
    });
  return { nodes, pool, clock, lines, open };
}

describe("an edge's view of the nodes", () => {
  it("counts a request out once, and hangs up when nobody reads any more", async ({ expect }) => {
    const { open, lines } = createEdge(["http://a", "http://b"]);
    const first = await open();
    const second = await open();
    const urls = lines.map(({ url }) => url);
    expect(new Set(urls).size).toBe(2);
    for (let i = 0; i < 3; i++) second.close();
    expect(lines.map(({ signal }) => signal?.aborted)).toEqual([false, true]);
    for (let i = 0; i < 3; i++) await open();
    const later = lines.slice(2).map(({ url }) => url);
    // Counted out thrice, the second node would seem idle enough for all three.
    expect(later[0]).toBe(urls[1]);
    expect(later).toContain(urls[0]);
    first.close();
    expect(lines[0]?.signal?.aborted).toBe(true);
  });

  it("hangs up on a node whose beginning is no frame", async ({ expect }) => {
    const { open, lines } = createEdge(["http://a"], "data: nonsense\n\n");
    await expect(open()).rejects.toMatchObject({ code: "node_failed" });
    expect(lines.map(({ signal }) => signal?.aborted)).toEqual([true]);
  });

  it("sends nothing to a node that drains, nor to one of another model", async ({ expect }) => {
    const { pool, open, lines } = createEdge(["http://a", "http://b", "http://c"]);
    pool.members.hear(createHeartbeat("http://a", { is_draining: true, sent_at: 1 }), 0);
    const model = createModel({ id: "another" });
    pool.members.hear(createHeartbeat("http://b", { model, sent_at: 1 }), 0);
    for (let i = 0; i < 3; i++) await open();
    expect(new Set(lines.map(({ url }) => url))).toEqual(new Set(["http://c"]));
  });

  it("tells a client that no node is ready when one should be", async ({ expect }) => {
    const { pool, open, clock } = createEdge([]);
    await expect(open()).rejects.toMatchObject({ code: "no_ready_node", retryAfterSeconds: 5 });
    pool.nodeExpectedInMs = 41_200;
    clock.nowMs = 10_000;
    await expect(open()).rejects.toMatchObject({ code: "no_ready_node", retryAfterSeconds: 42 });
  });

  it("without a node has none ready", async ({ expect }) => {
    await expect(createEdge([]).open()).rejects.toMatchObject({ code: "no_ready_node" });
  });
});

describe("nodes that all fail", () => {
  it("are asked once for each request, and for a fifth again beside what is saved up", async ({
    expect,
  }) => {
    const urls = Array.from({ length: 1_000 }, (_, index) => `http://node-${index}`);
    const { open, lines } = createEdge(urls, null);
    const requestCount = 200;
    for (let i = 0; i < requestCount; i += 1) {
      await expect(open()).rejects.toMatchObject({ code: "no_ready_node" });
    }
    // Without a bound, the first request alone would have asked all of them.
    expect(lines.length).toBeGreaterThanOrEqual(requestCount + 100);
    expect(lines.length).toBeLessThanOrEqual(1.2 * requestCount + 100);
  });
});

describe("the models", () => {
  it("are there while no node is, and have the step time of a node that is", async ({ expect }) => {
    const { nodes, pool } = createEdge([]);
    await expect(nodes.findModel(pool, null)).rejects.toMatchObject({ code: "no_ready_node" });
    const later = createEdge([]);
    later.pool.models.push(createModel());
    expect(await later.nodes.findModel(later.pool, null)).toEqual(createModel());
    expect(await later.nodes.listModels(later.pool)).toEqual([createModel()]);
    const other = later.nodes.findModel(later.pool, "another");
    await expect(other).rejects.toMatchObject({ code: "model_not_found", param: "model" });
    const fast = createEdge([]);
    fast.pool.members.hear(createHeartbeat("http://a", { step_ms: 12.5 }), 0);
    expect(await fast.nodes.findModel(fast.pool, "llada-test")).toMatchObject({ step_ms: 12.5 });
  });
});
