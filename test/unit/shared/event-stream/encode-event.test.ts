import { describe, it } from "vitest";
import { ApiError } from "../../../../shared/contracts/errors.ts";
import { encodeComment, encodeEvent } from "../../../../shared/event-stream/encode-event.ts";

describe("encodeEvent", () => {
  it("writes name, id and data as fields and ends with an empty line", ({ expect }) => {
    expect(encodeEvent({ event: "step", id: "7", data: "{}" })).toBe(
      "event: step\nid: 7\ndata: {}\n\n",
    );
  });

  it("gives every line of the data its own field", ({ expect }) => {
    expect(encodeEvent({ data: "a\r\nb\rc\nd" })).toBe("data: a\ndata: b\ndata: c\ndata: d\n\n");
  });

  it("writes empty data as an event, not as nothing", ({ expect }) => {
    expect(encodeEvent({ data: "" })).toBe("data: \n\n");
  });

  it("refuses a name or an id that would start another field", ({ expect }) => {
    expect(() => encodeEvent({ event: "a\ndata: forged", data: "" })).toThrow(ApiError);
    expect(() => encodeEvent({ id: "a\rdata: forged", data: "" })).toThrow(ApiError);
    expect(() => encodeEvent({ id: "a\0", data: "" })).toThrow(ApiError);
  });
});

describe("encodeComment", () => {
  it("starts every line with a colon, so that none can be a field", ({ expect }) => {
    expect(encodeComment("heartbeat\ndata: x")).toBe(": heartbeat\n: data: x\n\n");
  });
});
