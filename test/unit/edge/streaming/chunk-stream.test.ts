import { describe, it, vi } from "vitest";
import { createChunkStream, type RelayedEvent } from "../../../../edge/streaming/chunk-stream.ts";
import { readToEnd } from "../../../../edge/streaming/read-to-end.ts";
import { ApiError } from "../../../../shared/contracts/errors.ts";

const queued: RelayedEvent = { type: "text", text: "" };
const heartbeat: RelayedEvent = { type: "comment", text: "heartbeat" };

async function* play(events: readonly RelayedEvent[], failure?: unknown) {
  yield* events;
  if (failure !== undefined) throw failure;
}

function open(events: AsyncIterator<RelayedEvent, void, void>, chunks: readonly unknown[]) {
  const told = { onEnd: vi.fn(), onCancel: vi.fn(), onError: vi.fn() };
  const stream = createChunkStream({ events, toChunks: () => chunks, requestId: "req_1", ...told });
  return { ...told, stream };
}

describe("a stream of chunks", () => {
  it("is an event per chunk, comments between, [DONE] at the end", async ({ expect }) => {
    const { stream, onEnd, onCancel } = open(play([queued, heartbeat]), [{ a: 1 }, { b: 2 }]);
    expect(await new Response(stream).text()).toBe(
      'data: {"a":1}\n\ndata: {"b":2}\n\n: heartbeat\n\ndata: [DONE]\n\n',
    );
    expect(onEnd).toHaveBeenCalledOnce();
    expect(onCancel).not.toHaveBeenCalled();
  });

  it("writes of events that say nothing too, so that a client that has left is noticed", async ({
    expect,
  }) => {
    const { stream } = open(play([queued, queued]), []);
    expect(await new Response(stream).text()).toBe(": working\n\n: working\n\ndata: [DONE]\n\n");
  });

  it("tells a known error in its own words and does not look whole", async ({ expect }) => {
    const failure = new ApiError("node_failed", "The node fell silent.");
    const { stream, onEnd, onError } = open(play([queued], failure), [{ a: 1 }]);
    const events = (await new Response(stream).text()).split("\n\n").filter((text) => text !== "");
    expect(events).toHaveLength(2);
    expect(JSON.parse(events[1]?.replace("data: ", "") ?? "")).toEqual({
      error: {
        message: "The node fell silent.",
        type: "server_error",
        code: "node_failed",
        param: null,
      },
      request_id: "req_1",
    });
    expect(onError).toHaveBeenCalledWith(failure, failure);
    expect(onEnd).toHaveBeenCalledOnce();
  });

  it("tells nothing of what an unknown error says", async ({ expect }) => {
    const { stream } = open(play([], new Error("a secret prompt")), []);
    const text = await new Response(stream).text();
    expect(text).toContain("internal_error");
    expect(text).not.toContain("secret");
  });

  it("tells when its reader leaves, and then nothing more", async ({ expect }) => {
    const endless = (async function* () {
      for (;;) yield queued;
    })();
    const { stream, onCancel, onEnd } = open(endless, [{ a: 1 }]);
    const reader = stream.getReader();
    await reader.read();
    await reader.cancel();
    expect(onCancel).toHaveBeenCalledOnce();
    expect(onEnd).not.toHaveBeenCalled();
  });

  it("reads no further than its reader does", async ({ expect }) => {
    let readCount = 0;
    const counted = (async function* () {
      for (;;) {
        readCount++;
        yield queued;
      }
    })();
    const { stream } = open(counted, [{ a: 1 }]);
    const reader = stream.getReader();
    await reader.read();
    await new Promise((resolve) => setTimeout(resolve));
    expect(readCount).toBeLessThanOrEqual(2);
    await reader.cancel();
  });
});

describe("reading to the end", () => {
  it("fails when the end does not come", async ({ expect }) => {
    await expect(readToEnd(play([queued]))).rejects.toMatchObject({ code: "node_failed" });
  });
});
