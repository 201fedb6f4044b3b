import { afterEach, beforeEach, describe, it } from "vitest";
import { nodeModelSchema } from "../../../../shared/contracts/node-wire.ts";
import { createFakeMaskPredictor } from "../../../support/fake-mask-predictor.ts";
import { type HeldPredictor, holdPredictor } from "../engine/engine-bench.ts";
import {
  bearGrant,
  collect,
  postGeneration,
  readError,
  readFrames,
  requestBody,
  startTestNode,
  type TestNode,
} from "./test-node.ts";

let inner: ReturnType<typeof createFakeMaskPredictor>;
let predictor: HeldPredictor;
let node: TestNode;
beforeEach(async () => {
  inner = createFakeMaskPredictor();
  predictor = holdPredictor(inner);
  node = await startTestNode({ predictor, heartbeatIntervalMs: 10, maxUnsentBytes: 1 << 20 });
});
afterEach(async () => {
  node.engine.cancelAll();
  predictor.release();
  await node.close();
});

async function cancel(requestId: string, grantFor = requestId): Promise<Response> {
  return fetch(`${node.url}/generations/${requestId}/cancel`, {
    method: "POST",
    headers: { authorization: `Bearer ${await bearGrant({ request_id: grantFor })}` },
  });
}

const finished = (outcome: string) => ({ event: "generation_finished", outcome });

describe("a client that leaves", () => {
  it("stops its generation at the next step", async ({ expect }) => {
    const client = new AbortController();
    const response = await postGeneration(node, requestBody("a", { steps: 8 }), {
      signal: client.signal,
    });
    const frames = readFrames(response);
    await predictor.underWay();
    predictor.release();
    await predictor.underWay();
    for await (const frame of frames) if (frame.type === "step") break;
    client.abort();
    await expect
      .poll(() => node.logger.lines)
      .toContainEqual(expect.objectContaining({ event: "stream_abandoned", why: "client_gone" }));
    predictor.release();
    await expect
      .poll(() => node.logger.lines)
      .toContainEqual(expect.objectContaining({ ...finished("cancelled"), steps: 2 }));
    expect(inner.batches).toHaveLength(2);
  });
});

describe("POST /generations/{id}/cancel", () => {
  it("ends a generation at the next step, with a receipt", async ({ expect }) => {
    const response = await postGeneration(node, requestBody("a"));
    await predictor.underWay();
    expect((await cancel("a")).status).toBe(202);
    predictor.release();
    const frames = await collect(readFrames(response));
    expect(frames.at(-1)).toMatchObject({
      type: "error",
      code: "cancelled",
      signed_receipt: expect.any(String),
    });
    expect(inner.batches).toHaveLength(1);
  });

  it("has no receipt for a generation that never ran", async ({ expect }) => {
    const busy = await postGeneration(node, requestBody("a", { max_tokens: 100 }));
    await predictor.underWay();
    const waiting = await postGeneration(node, requestBody("b"));
    await cancel("b");
    predictor.release();
    const frames = await collect(readFrames(waiting));
    expect(frames).toEqual([
      { type: "queued", ahead: 1 },
      expect.objectContaining({ type: "error", code: "cancelled", signed_receipt: null }),
    ]);
    await busy.body?.cancel();
  });

  it("is not_found for a generation that is not here, and needs its own grant", async ({
    expect,
  }) => {
    const unknown = await cancel("nobody");
    expect(unknown.status).toBe(404);
    expect(await readError(unknown)).toMatchObject({ code: "not_found" });
    const stranger = await cancel("a", "b");
    expect(stranger.status).toBe(401);
    await stranger.body?.cancel();
    const bare = await fetch(`${node.url}/generations/a/cancel`, { method: "POST" });
    expect(await readError(bare)).toMatchObject({ code: "invalid_grant" });
  });
});

describe("a silent stream", () => {
  it("has heartbeats while a pass runs and while the request waits", async ({ expect }) => {
    const running = await postGeneration(node, requestBody("a", { max_tokens: 100 }));
    await predictor.underWay();
    const waiting = await postGeneration(node, requestBody("b"));
    for (const response of [running, waiting]) {
      const comments: string[] = [];
      const reading = collect(readFrames(response, (text) => comments.push(text)));
      await expect.poll(() => comments.length).toBeGreaterThan(2);
      expect(new Set(comments)).toEqual(new Set(["heartbeat"]));
      reading.catch(() => undefined);
    }
  });
});

describe("the lives of a node", () => {
  it("answer while a pass runs, without a grant", async ({ expect }) => {
    const running = await postGeneration(node, requestBody("a"));
    await predictor.underWay();
    const health = await fetch(`${node.url}/healthz`);
    expect([health.status, await health.json()]).toEqual([200, { status: "live" }]);
    const ready = await fetch(`${node.url}/readyz`);
    expect([ready.status, await ready.json()]).toEqual([
      200,
      { status: "ready", running: 1, waiting: 0 },
    ]);
    await running.body?.cancel();
  });

  it("say not ready, but live, while it drains", async ({ expect }) => {
    const running = await postGeneration(node, requestBody("a", { steps: 1 }));
    await predictor.underWay();
    const drained = node.engine.drain();
    const ready = await fetch(`${node.url}/readyz`);
    expect(ready.status).toBe(503);
    expect(await readError(ready)).toMatchObject({ code: "no_ready_node" });
    expect((await fetch(`${node.url}/healthz`)).status).toBe(200);
    const refused = await postGeneration(node, requestBody("b"));
    expect(await readError(refused)).toMatchObject({ code: "no_ready_node" });
    predictor.release();
    expect((await collect(readFrames(running))).at(-1)?.type).toBe("done");
    await drained;
  });

  it("tell what the node serves", async ({ expect }) => {
    const response = await fetch(`${node.url}/model`);
    expect(nodeModelSchema.parse(await response.json())).toEqual(node.description);
  });
});
