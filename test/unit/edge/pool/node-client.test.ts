import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it, vi } from "vitest";
import { NodeClient } from "../../../../edge/pool/node-client.ts";
import type { NodeEvent } from "../../../../edge/pool/node-events.ts";
import { toNodeTimeouts } from "../../../../edge/pool/node-timeouts.ts";
import { createNodeRequest } from "./node-request.ts";

/** Each apart from the others, so that a test sees which of them it was. */
const timeouts = {
  cancelMs: 500,
  connectMs: 1_000,
  firstFrameMs: 3_000,
  silenceMs: 2_000,
  totalMs: 100_000,
};
const request = createNodeRequest();
const order = {
  request,
  attempt: 1,
  billTo: "acct_1",
  grantSecret: "secret",
  onFailureReceipt: () => undefined,
};
const HEARTBEAT = ": heartbeat\n\n";
const QUEUED = 'data: {"type":"queued","ahead":0}\n\n';

/** A node that accepts connections and never answers. */
function createClient(): NodeClient {
  const fetch = (_url: string, { signal }: RequestInit) =>
    new Promise<Response>((_, reject) => {
      if (signal?.aborted) reject(signal.reason);
      signal?.addEventListener("abort", () => reject(signal.reason));
    });
  return new NodeClient(fetch, () => 0, timeouts);
}

/** A talk with a node that says what `say` is told to, until it is hung up on. */
async function openTalk() {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  const controller = new AbortController();
  controller.signal.addEventListener("abort", () => {
    writer.abort(controller.signal.reason).catch(() => undefined);
  });
  const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
  const fetch = async () => {
    ask();
    return new Response(readable);
  };
  const client = new NodeClient(fetch, () => 0, timeouts);
  const events: NodeEvent[] = [];
  async function readAll(): Promise<void> {
    for await (const event of await client.open("http://node", order, controller)) {
      events.push(event);
    }
  }
  const reading = readAll();
  reading.catch(() => undefined);
  // Signing takes time that no fake clock gives.
  await asked;
  const say = (text: string) => void writer.write(new TextEncoder().encode(text)).catch(() => 0);
  /** Says `text` every `everyMs` for `forMs`. */
  async function repeat(text: string, everyMs: number, forMs: number): Promise<void> {
    for (let at = 0; at < forMs; at += everyMs) {
      say(text);
      await vi.advanceTimersByTimeAsync(everyMs);
    }
  }
  return { events, reading, say, repeat };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("a node that does not answer", () => {
  it("has failed once its time to take the request is over", async ({ expect }) => {
    const opening = createClient().open("http://node", order, new AbortController());
    const failing = expect(opening).rejects.toMatchObject({
      code: "node_failed",
      message: "The node did not answer in time.",
    });
    await vi.advanceTimersByTimeAsync(timeouts.connectMs + 1);
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

describe("a node that answers", () => {
  it("and only heartbeats has failed once its time for the first frame is over", async ({
    expect,
  }) => {
    const { reading, repeat } = await openTalk();
    const failing = expect(reading).rejects.toMatchObject({
      code: "node_failed",
      message: "The node did not begin in time.",
    });
    await repeat(HEARTBEAT, 500, timeouts.firstFrameMs + 500);
    await failing;
  });

  it("begins and stalls has failed once it was silent for too long", async ({ expect }) => {
    const { events, reading, say } = await openTalk();
    const failing = expect(reading).rejects.toMatchObject({
      code: "node_failed",
      message: "The node fell silent.",
    });
    say(QUEUED);
    await vi.advanceTimersByTimeAsync(timeouts.silenceMs + 1);
    await failing;
    expect(events).toHaveLength(1);
  });

  it("and goes on steadily is not ended by any of the times but the whole", async ({ expect }) => {
    const { events, reading, say, repeat } = await openTalk();
    let isOver = false;
    reading
      .catch(() => undefined)
      .finally(() => {
        isOver = true;
      });
    const failing = expect(reading).rejects.toMatchObject({ code: "deadline_exceeded" });
    say(QUEUED);
    const everyMs = timeouts.silenceMs - 500;
    await repeat(HEARTBEAT, everyMs, timeouts.totalMs - everyMs);
    expect(isOver).toBe(false);
    expect(events.length).toBeGreaterThan(60);
    await repeat(HEARTBEAT, everyMs, 2 * everyMs);
    expect(isOver).toBe(true);
    await failing;
  });
});

describe("the times that nodes have", () => {
  it("until they are given up are a deployment's own to say, in whole milliseconds", ({
    expect,
  }) => {
    const longest = { connectMs: 9_000, firstFrameMs: 9_000, silenceMs: 9_000 };
    expect(toNodeTimeouts("9000")).toMatchObject(longest);
    for (const wrong of ["", "0", "-1", "1.5", "5s"]) expect(() => toNodeTimeouts(wrong)).toThrow();
  });

  it("end before the hold on a request's price does", ({ expect }) => {
    const toml = readFileSync(join(import.meta.dirname, "../../../../wrangler.toml"), "utf8");
    const lifetimes = [...toml.matchAll(/^HOLD_LIFETIME_MS = "(\d+)"$/gm)].map((match) => match[1]);
    expect(lifetimes).toHaveLength(3);
    for (const ms of lifetimes) expect(toNodeTimeouts().totalMs).toBeLessThan(Number(ms));
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
