import { describe, it } from "vitest";
import { NodeClient } from "../../../../edge/pool/node-client.ts";
import { NodePool } from "../../../../edge/pool/node-pool.ts";
import type { NodeModel } from "../../../../shared/contracts/node-wire.ts";
import { createNodeRequest } from "./node-request.ts";

const timeouts = { modelMs: 500, firstFrameMs: 1_000, silenceMs: 1_000 };
const QUEUED = 'data: {"type":"queued","ahead":0}\n\n';

/** A pool over nodes that say `firstEvent` and hold the line, on a clock of its own. */
function createPool(firstEvent = QUEUED) {
  const clock = { nowMs: 0 };
  const asked: string[] = [];
  const lines: { url: string; signal: AbortSignal | null | undefined }[] = [];
  let isDown = false;
  const fetch = async (url: string, { signal }: RequestInit): Promise<Response> => {
    asked.push(url);
    if (isDown) throw new TypeError("refused");
    if (url.endsWith("/model")) return Response.json(createModel());
    lines.push({ url, signal });
    return new Response(
      new ReadableStream({
        start(controller) {
          controller.enqueue(new TextEncoder().encode(firstEvent));
        },
      }),
    );
  };
  const now = () => clock.nowMs;
  const pool = new NodePool(new NodeClient(fetch, now, timeouts), now);
  const open = (nodeUrls: readonly string[]) =>
    pool.open({
      nodeUrls,
      model: "llada-test",
      request: createNodeRequest(),
      billTo: "acct_1",
      grantSecret: "secret",
      signal: new AbortController().signal,
      onFailureReceipt: () => undefined,
    });
  const setDown = (down: boolean) => {
    isDown = down;
  };
  return { pool, clock, asked, lines, open, setDown };
}

function createModel(): NodeModel {
  return {
    id: "llada-test",
    max_length: 512,
    vocabulary_size: 10,
    parameter_count: 10,
    weights_digest: "ab",
    created: 1,
  };
}

describe("a pool", () => {
  it("hangs up when nobody reads any more, and counts that node idle once", async ({ expect }) => {
    const { open, lines } = createPool();
    const nodes = ["http://a", "http://b"];
    const first = await open(nodes);
    const second = await open(nodes);
    const urls = lines.map(({ url }) => url);
    expect(new Set(urls).size).toBe(2);
    for (let i = 0; i < 3; i++) second.close();
    expect(lines.map(({ signal }) => signal?.aborted)).toEqual([false, true]);
    for (let i = 0; i < 3; i++) await open(nodes);
    const later = lines.slice(2).map(({ url }) => url);
    // Counted out thrice, the second node would seem idle enough for all three.
    expect(later[0]).toBe(urls[1]);
    expect(later).toContain(urls[0]);
    first.close();
    expect(lines[0]?.signal?.aborted).toBe(true);
  });

  it("hangs up on a node whose beginning is no frame", async ({ expect }) => {
    const { open, lines } = createPool("data: nonsense\n\n");
    await expect(open(["http://a"])).rejects.toMatchObject({ code: "node_failed" });
    expect(lines.map(({ signal }) => signal?.aborted)).toEqual([true]);
  });

  it("asks a node for its model every 30 seconds, an absent one every half", async ({ expect }) => {
    const { pool, clock, asked, setDown } = createPool();
    const list = () => pool.listModels(["http://a"]);
    await list();
    clock.nowMs = 29_999;
    await list();
    expect(asked).toHaveLength(1);
    clock.nowMs = 30_000;
    setDown(true);
    await expect(list()).rejects.toMatchObject({ code: "no_ready_node" });
    await expect(list()).rejects.toMatchObject({ code: "no_ready_node" });
    expect(asked).toHaveLength(2);
    setDown(false);
    clock.nowMs = 30_500;
    expect(await list()).toHaveLength(1);
  });

  it("forgets a node's model when the node cannot be reached", async ({ expect }) => {
    const { open, asked, setDown } = createPool();
    await open(["http://a"]);
    setDown(true);
    await expect(open(["http://a"])).rejects.toMatchObject({ code: "no_ready_node" });
    setDown(false);
    await open(["http://a"]);
    expect(asked.filter((url) => url.endsWith("/model"))).toHaveLength(2);
  });

  it("without nodes has none ready", async ({ expect }) => {
    await expect(createPool().open([])).rejects.toMatchObject({ code: "no_ready_node" });
  });
});
