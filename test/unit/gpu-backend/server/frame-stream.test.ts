import { afterEach, beforeEach, describe, it, vi } from "vitest";
import { FrameStream } from "../../../../gpu-backend/server/frame-stream.ts";

const FRAME = { type: "queued", ahead: 0 } as const;
const EVENT = 'data: {"type":"queued","ahead":0}\n\n';
const HEARTBEAT = ": heartbeat\n\n";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function openStream(maxUnsentBytes: number) {
  const abandoned: string[] = [];
  const stream = new FrameStream({
    heartbeatIntervalMs: 500,
    maxUnsentBytes,
    onAbandoned: (why) => abandoned.push(why),
  });
  return { stream, abandoned };
}

describe("FrameStream", () => {
  it("writes a heartbeat after each silence, and none where a frame came in time", async ({
    expect,
  }) => {
    const { stream } = openStream(1_000);
    const reader = stream.body.getReader();
    const read = async () => new TextDecoder().decode((await reader.read()).value);
    stream.send(FRAME);
    expect(await read()).toBe(EVENT);
    vi.advanceTimersByTime(499);
    stream.send(FRAME);
    expect(await read()).toBe(EVENT);
    vi.advanceTimersByTime(500);
    expect(await read()).toBe(HEARTBEAT);
    vi.advanceTimersByTime(500);
    expect(await read()).toBe(HEARTBEAT);
    stream.end();
    expect((await reader.read()).done).toBe(true);
  });

  it("reports a client that leaves, once, and drops what comes after", async ({ expect }) => {
    const { stream, abandoned } = openStream(1_000);
    stream.send(FRAME);
    await stream.body.cancel();
    stream.send(FRAME);
    stream.end();
    vi.advanceTimersByTime(5_000);
    expect(abandoned).toEqual(["client_gone"]);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("a client that does not read", () => {
  it("is reported once more than the limit waits for it, and what waits still arrives", async ({
    expect,
  }) => {
    const { stream, abandoned } = openStream(3 * EVENT.length);
    stream.send(FRAME);
    stream.send(FRAME);
    expect(abandoned).toEqual([]);
    stream.send(FRAME);
    stream.send(FRAME);
    expect(abandoned).toEqual(["client_slow"]);
    stream.end();
    expect(await new Response(stream.body).text()).toBe(EVENT.repeat(4));
  });

  it("gets no heartbeats behind frames that it has not taken", async ({ expect }) => {
    const { stream } = openStream(1_000);
    stream.send(FRAME);
    vi.advanceTimersByTime(10_000);
    stream.end();
    expect(await new Response(stream.body).text()).toBe(EVENT);
  });
});
