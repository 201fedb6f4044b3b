import { afterEach, beforeEach, describe, it, vi } from "vitest";
import { type NodeEvent, readNodeEvents } from "../../../../edge/pool/node-events.ts";
import type { NodeFrame, Receipt } from "../../../../shared/contracts/node-wire.ts";
import { signToken } from "../../../../shared/contracts/signed-token.ts";
import { encodeComment, encodeEvent } from "../../../../shared/event-stream/encode-event.ts";
import { createNodeRequest } from "./node-request.ts";

const grantSecret = "the grant's secret";
const request = createNodeRequest();
const queued: NodeFrame = { type: "queued", ahead: 0 };
const receipt = {
  request_id: "gen_1",
  node_id: "node",
  outcome: "completed" as const,
  prompt_tokens: 1,
  completion_tokens: 1,
  steps: 1,
  forward_passes: 1,
  step_units: 1,
};
const sign = async (changes: Partial<typeof receipt> = {}, secret = grantSecret) => ({
  type: "done" as const,
  finish_reason: "stop" as const,
  text: "a",
  hastened_steps: 0,
  receipt,
  signed_receipt: await signToken({ ...receipt, ...changes }, secret),
});
const encode = (frame: NodeFrame) => encodeEvent({ data: JSON.stringify(frame) });

/** A stream that a test feeds. */
function openSource() {
  const encoder = new TextEncoder();
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  const receipts: Receipt[] = [];
  const onFailureReceipt = (heard: Receipt) => void receipts.push(heard);
  const events = readNodeEvents(readable, {
    request,
    grantSecret,
    maxSilenceMs: 1_000,
    maxTotalMs: 60_000,
    onFailureReceipt,
  });
  return {
    events,
    receipts,
    write: (text: string) => void writer.write(encoder.encode(text)),
    close: () => void writer.close(),
    break: () => void writer.abort(new Error("reset")),
  };
}

async function readAll(events: AsyncGenerator<NodeEvent>): Promise<NodeEvent[]> {
  const all: NodeEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

describe("a node's events", () => {
  it("are frames and comments, in the order in which they were sent", async ({ expect }) => {
    const source = openSource();
    source.write(encodeComment("one") + encode(queued) + encodeComment("two"));
    source.write(encode(await sign()));
    const heard = await readAll(source.events);
    expect(heard.map((event) => (event.type === "frame" ? event.frame.type : event.text))).toEqual([
      "one",
      "queued",
      "two",
      "done",
    ]);
  });

  it("take the bill from the signature, not from beside it", async ({ expect }) => {
    const source = openSource();
    source.write(encode(await sign({ steps: 7 })));
    const [last] = await readAll(source.events);
    expect(last).toMatchObject({ frame: { receipt: { steps: 7 } } });
  });

  it("tell the receipt of a generation that failed on the way", async ({ expect }) => {
    const source = openSource();
    const { signed_receipt } = await sign({ steps: 3 });
    const error = { type: "error", code: "cancelled", message: "Stopped.", param: null } as const;
    source.write(encode({ ...error, signed_receipt }));
    await expect(readAll(source.events)).rejects.toMatchObject({ code: "cancelled" });
    expect(source.receipts).toMatchObject([{ request_id: "gen_1", steps: 3 }]);
  });

  it.for([
    ["signed by another", () => sign({}, "another secret")],
    ["of another request", () => sign({ request_id: "gen_2" })],
    ["of no bill", () => sign({ steps: "many" as unknown as number })],
  ] as const)("are broken by a receipt %s", async ([, create], { expect }) => {
    const source = openSource();
    source.write(encode(await create()));
    await expect(readAll(source.events)).rejects.toMatchObject({ code: "node_failed" });
  });

  it.for([
    ["no JSON", "data: {\n\n"],
    ["a frame of no known type", 'data: {"type":"surprise"}\n\n'],
    ["nothing more", ""],
  ] as const)("are broken by %s", async ([, text], { expect }) => {
    const source = openSource();
    source.write(encode(queued) + text);
    source.close();
    await expect(readAll(source.events)).rejects.toMatchObject({ code: "node_failed" });
  });

  it("are broken by a connection that breaks", async ({ expect }) => {
    const source = openSource();
    source.write(encode(queued));
    await source.events.next();
    source.break();
    await expect(source.events.next()).rejects.toMatchObject({ code: "node_failed" });
  });

  it.for([
    ["context_length_exceeded", "input", "context_length_exceeded", "prompt"],
    ["more_blocks_than_steps", "parameters.steps", "more_blocks_than_steps", "steps"],
    ["invalid_grant", null, "node_failed", null],
    ["a_code_of_tomorrow", null, "node_failed", null],
  ] as const)(
    "that report %s at %s are thrown as %s at %s",
    async ([code, param, thrownCode, thrownParam], { expect }) => {
      const source = openSource();
      source.write(encode({ type: "error", code, message: "No.", param, signed_receipt: null }));
      await expect(readAll(source.events)).rejects.toMatchObject({
        code: thrownCode,
        param: thrownParam,
      });
    },
  );
});

describe("a node's silence", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("is a failure when it lasts", async ({ expect }) => {
    const source = openSource();
    source.write(encode(queued));
    await source.events.next();
    const next = expect(source.events.next()).rejects.toMatchObject({ code: "node_failed" });
    await vi.advanceTimersByTimeAsync(1_001);
    await next;
  });

  it("is broken by a heartbeat", async ({ expect }) => {
    const source = openSource();
    source.write(encode(queued));
    await source.events.next();
    for (let i = 0; i < 5; i++) {
      const next = source.events.next();
      await vi.advanceTimersByTimeAsync(900);
      source.write(encodeComment("heartbeat"));
      expect((await next).value).toEqual({ type: "comment", text: "heartbeat" });
    }
  });
});
