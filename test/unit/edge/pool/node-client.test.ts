import { afterEach, beforeEach, describe, it, vi } from "vitest";
import { NodeClient } from "../../../../edge/pool/node-client.ts";
import { createNodeRequest } from "./node-request.ts";

const timeouts = { cancelMs: 500, firstFrameMs: 1_000, silenceMs: 60_000 };
const request = createNodeRequest();
const order = {
  request,
  attempt: 1,
  billTo: "acct_1",
  grantSecret: "secret",
  onFailureReceipt: () => undefined,
};

/** A node that accepts connections and never answers. */
function createClient(): NodeClient {
  const fetch = (_url: string, { signal }: RequestInit) =>
    new Promise<Response>((_, reject) => {
      if (signal?.aborted) reject(signal.reason);
      signal?.addEventListener("abort", () => reject(signal.reason));
    });
  return new NodeClient(fetch, () => 0, timeouts);
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("a node that does not answer", () => {
  it("has failed once its time for the first frame is over", async ({ expect }) => {
    const opening = createClient().open("http://node", order, new AbortController());
    const failing = expect(opening).rejects.toMatchObject({ code: "node_failed" });
    await vi.advanceTimersByTimeAsync(1_001);
    await failing;
  });

  it("is left at once by a client that leaves", async ({ expect }) => {
    const controller = new AbortController();
    const opening = createClient().open("http://node", order, controller);
    const failing = expect(opening).rejects.toMatchObject({ code: "cancelled" });
    await vi.advanceTimersByTimeAsync(1);
    controller.abort();
    await failing;
  });
});

describe("cancelling", () => {
  it("never fails: the closed connection says the same", async ({ expect }) => {
    const client = new NodeClient(
      () => Promise.reject(new Error("gone")),
      () => 0,
      timeouts,
    );
    await expect(client.cancel("http://node", order)).resolves.toBeUndefined();
  });
});
