import fc from "fast-check";
import { describe, it } from "vitest";
import { StopStrings } from "../../../../gpu-backend/engine/stop-strings.ts";

const letters = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 12 });
const stops = fc.array(
  fc.string({ unit: fc.constantFrom("a", "b", "c"), minLength: 1, maxLength: 4 }),
  { maxLength: 3 },
);

function feed(stopStrings: readonly string[], pieces: readonly string[]): string {
  const matcher = new StopStrings(stopStrings);
  let given = "";
  for (const piece of pieces) {
    const { text, isStopped } = matcher.push(piece);
    given += text;
    if (isStopped) return `${given}|`;
  }
  return given + matcher.flush();
}

describe("StopStrings", () => {
  it("gives text before the stop string that is complete first, however it is cut", ({
    expect,
  }) => {
    fc.assert(
      fc.property(fc.array(letters), stops, (pieces, stopStrings) => {
        const text = pieces.join("");
        let expected = text;
        for (let end = 1; end <= text.length; end += 1) {
          const met = stopStrings.filter((stop) => text.slice(0, end).endsWith(stop));
          if (met.length === 0) continue;
          expected = `${text.slice(0, end - Math.max(...met.map((stop) => stop.length)))}|`;
          break;
        }
        expect(feed(stopStrings, pieces)).toBe(expected);
        expect(feed(stopStrings, [...text])).toBe(expected);
      }),
    );
  });

  it("never gives out text that a stop string takes back", ({ expect }) => {
    const matcher = new StopStrings(["\n\nUser:"]);
    expect(matcher.push("Hello.\n\nUse").text).toBe("Hello.");
    expect(matcher.push("ful.").text).toBe("\n\nUseful.");
    expect(matcher.push("\n\nUser").text).toBe("");
    expect(matcher.push(": Hi").isStopped).toBe(true);
  });

  it("holds nothing back when no suffix can begin a stop string", ({ expect }) => {
    expect(new StopStrings(["xyz"]).push("abc")).toEqual({ text: "abc", isStopped: false });
    expect(new StopStrings([]).push("abc").text).toBe("abc");
  });
});
