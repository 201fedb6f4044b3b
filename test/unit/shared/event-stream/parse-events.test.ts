import fc from "fast-check";
import { describe, it } from "vitest";
import { encodeComment, encodeEvent } from "../../../../shared/event-stream/encode-event.ts";
import {
  type IncomingEvent,
  type ParseEventsOptions,
  parseEvents,
} from "../../../../shared/event-stream/parse-events.ts";

const encoder = new TextEncoder();

async function* pieces(bytes: Uint8Array, cuts: readonly number[]): AsyncGenerator<Uint8Array> {
  const sorted = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  let start = 0;
  for (const cut of [...sorted, bytes.length]) {
    yield bytes.subarray(start, cut);
    start = cut;
  }
}

async function collect(
  source: Parameters<typeof parseEvents>[0],
  options?: ParseEventsOptions,
): Promise<IncomingEvent[]> {
  const events: IncomingEvent[] = [];
  for await (const event of parseEvents(source, options)) events.push(event);
  return events;
}

function parseText(text: string, options?: ParseEventsOptions): Promise<IncomingEvent[]> {
  return collect(pieces(encoder.encode(text), []), options);
}

const anyText = fc.string({ unit: "grapheme", maxLength: 30 });
const oneLine = anyText.map((text) => text.replaceAll(/[\r\n\0]/g, ""));
const outgoing = fc.record({ event: oneLine, id: oneLine, data: anyText });

describe("parseEvents", () => {
  it("gives back what encodeEvent wrote, split at any bytes", async ({ expect }) => {
    await fc.assert(
      fc.asyncProperty(fc.array(outgoing), fc.array(fc.nat()), async (events, cuts) => {
        const bytes = encoder.encode(events.map(encodeEvent).join(encodeComment("ping")));
        expect(await collect(pieces(bytes, cuts))).toEqual(
          events.map(({ event, id, data }) => ({
            event: event === "" ? "message" : event,
            id,
            data: data.replaceAll(/\r\n|\r/g, "\n"),
          })),
        );
      }),
    );
  });

  it("gives the same events for any bytes whatever the split", async ({ expect }) => {
    const line = fc.constantFrom(
      "data: é€😀",
      "data:",
      "data",
      "id: 1",
      "event: x",
      ": c",
      "",
      "?",
    );
    const text = fc
      .array(fc.tuple(line, fc.constantFrom("\n", "\r", "\r\n")))
      .map((lines) => lines.flat().join(""));
    await fc.assert(
      fc.asyncProperty(text, fc.array(fc.nat()), async (stream, cuts) => {
        const bytes = encoder.encode(stream);
        const everyByte = Array.from(bytes, (_, i) => i);
        const whole = await collect(pieces(bytes, []));
        expect(await collect(pieces(bytes, cuts))).toEqual(whole);
        expect(await collect(pieces(bytes, everyByte))).toEqual(whole);
      }),
    );
  });
});

describe("the fields of an event stream", () => {
  it("are cut at CR, LF and CRLF and lose one space and a byte order mark", async ({ expect }) => {
    expect(await parseText("\uFEFFevent: a\rdata:  x\r\ndata:y\n\r\n")).toEqual([
      { event: "a", id: "", data: " x\ny" },
    ]);
  });

  it("keep the last id for later events and ignore one with NUL", async ({ expect }) => {
    const events = await parseText("id: 1\ndata: a\n\nid: 2\0\ndata: b\n\n");
    expect(events.map((event) => event.id)).toEqual(["1", "1"]);
  });

  it("give no event without data and none that the end cuts off", async ({ expect }) => {
    expect(await parseText("event: a\n\ndata: b")).toEqual([]);
  });

  it("report comments in order", async ({ expect }) => {
    const comments: string[] = [];
    await parseText(": one\n\ndata: a\n\n:two\n", { onComment: (text) => comments.push(text) });
    expect(comments).toEqual(["one", "two"]);
  });
});

describe("parseEvents on a hostile or broken stream", () => {
  it("refuses a line longer than the limit before its end arrives", async ({ expect }) => {
    async function* endless(): AsyncGenerator<Uint8Array> {
      while (true) yield encoder.encode("data: xxxxxxxxxx");
    }
    await expect(collect(endless(), { maxCharacters: 1000 })).rejects.toMatchObject({
      code: "node_failed",
    });
  });

  it("refuses an event longer than the limit, though each line is short", async ({ expect }) => {
    const lines = "data: xxxx\n".repeat(5);
    const within = await parseText(`${lines}\n`, { maxCharacters: 24 });
    expect(within).toHaveLength(1);
    await expect(parseText(`${lines}\n`, { maxCharacters: 23 })).rejects.toMatchObject({
      code: "node_failed",
    });
  });

  it("cancels a stream that it leaves early and passes on a stream's failure", async ({
    expect,
  }) => {
    let cancelled = false;
    const open = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(encoder.encode("data: a\n\n")),
      cancel: () => {
        cancelled = true;
      },
    });
    for await (const event of parseEvents(open)) {
      expect(event.data).toBe("a");
      break;
    }
    expect(cancelled).toBe(true);

    const broken = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.error(new Error("reset")),
    });
    await expect(collect(broken)).rejects.toThrow("reset");
  });
});
