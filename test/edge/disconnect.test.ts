/** A client that leaves is noticed at the node: no step is run for nobody. */

import { connect } from "node:net";
import { describe, it } from "vitest";
import { useEdgeStage } from "./edge-stage.ts";
import { stepFrame } from "./scripted-node.ts";

/** The promise: a node hears of it within a second. */
const MAX_NOTICE_MS = 1_000;

const stage = useEdgeStage();

/** Starts a generation that never ends; `begun` resolves at the node, `closed` with its connection. */
function startEndless(firstText: string) {
  let begin: () => void = () => undefined;
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const closed = new Promise<void>((resolve) => {
    stage.node.script = async (exchange) => {
      exchange.send({ type: "queued", ahead: 0 });
      if (firstText !== "") exchange.send(stepFrame(1, firstText));
      const beat = setInterval(() => exchange.comment("heartbeat"), 100);
      begin();
      await exchange.closed;
      clearInterval(beat);
      resolve();
    };
  });
  return { begun, closed };
}

function ask(stream: boolean, signal: AbortSignal): Promise<Response> {
  const json = { prompt: "Once", stream };
  return stage.edge.send("POST", "/v1/completions", {
    key: stage.account.inferenceKey,
    json,
    signal,
  });
}

/** Milliseconds until `event`. */
async function timeUntil(event: Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await event;
  return performance.now() - startedAt;
}

describe("a client that leaves", () => {
  it("amid a stream closes the node's connection and cancels", async ({ expect }) => {
    const { closed } = startEndless("Hello");
    const controller = new AbortController();
    const response = await ask(true, controller.signal);
    await response.body?.getReader().read();
    controller.abort();
    expect(await timeUntil(closed)).toBeLessThan(MAX_NOTICE_MS);
    await expect.poll(() => stage.node.cancelled).toContain(stage.node.requests.at(-1)?.request_id);
  });

  it("while queued, before any text, does too", async ({ expect }) => {
    const { begun, closed } = startEndless("");
    const controller = new AbortController();
    const response = await ask(true, controller.signal);
    await begun;
    const reading = response.text().catch(() => undefined);
    controller.abort();
    expect(await timeUntil(closed)).toBeLessThan(MAX_NOTICE_MS);
    await reading;
    await expect.poll(() => stage.node.cancelled).toContain(stage.node.requests.at(-1)?.request_id);
  });

  // A reset, since a half-closed connection may still read: the runtime rightly waits at a FIN.
  it("by a reset, while it waits for a whole answer, does too", async ({ expect }) => {
    const { begun, closed } = startEndless("Hello");
    const { hostname, port } = new URL(stage.edge.url);
    const socket = connect(Number(port), hostname);
    socket.on("error", () => undefined);
    const body = JSON.stringify({ prompt: "Once" });
    socket.write(
      `POST /v1/completions HTTP/1.1\r\nhost: ${hostname}\r\ncontent-type: application/json\r\n` +
        `x-api-key: ${stage.account.inferenceKey}\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    await begun;
    socket.resetAndDestroy();
    expect(await timeUntil(closed)).toBeLessThan(MAX_NOTICE_MS);
    await expect.poll(() => stage.node.cancelled).toContain(stage.node.requests.at(-1)?.request_id);
  });

  it("is no fault of ours, and the next one is served", async ({ expect }) => {
    expect(stage.edge.log.filter((line) => line.includes("fault"))).toEqual([]);
    stage.node.script = (exchange) => exchange.complete(["Hello"]);
    expect((await ask(false, new AbortController().signal)).status).toBe(200);
  });
});
