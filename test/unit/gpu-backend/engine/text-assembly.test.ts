import fc from "fast-check";
import { describe, it } from "vitest";
import { TextAssembly } from "../../../../gpu-backend/engine/text-assembly.ts";

const END = 256;
const SPECIAL = 257;
const WORD = 258;

/** One token a byte; beyond the bytes an end token, a special token, and one for " wor". */
const byteDecoder = {
  decode(tokenIds: readonly number[]): string {
    const bytes = tokenIds.flatMap((id) => {
      if (id === WORD) return [...Buffer.from(" wor")];
      return id > 255 ? [] : [id];
    });
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(bytes));
  },
};

function assembly(stops: readonly string[] = []): TextAssembly {
  return new TextAssembly(byteDecoder, { endTokenIds: new Set([END]), stops });
}

/** Feeds `ids` in runs cut at `cuts`, and checks that what was given out is the text. */
function assemble(ids: readonly number[], cuts: readonly number[], stops: readonly string[] = []) {
  const text = assembly(stops);
  let given = "";
  let start = 0;
  const ends = cuts.map((cut) => cut % (ids.length + 1)).sort((a, b) => a - b);
  for (const end of [...ends, ids.length]) {
    given += text.append(ids.slice(start, end));
    start = end;
  }
  given += text.finish();
  if (given !== text.text) throw new Error("the pieces are not the text");
  return { text: text.text, tokens: text.completionTokenCount, reason: text.finishReason };
}

const cuts = fc.array(fc.nat());

describe("TextAssembly", () => {
  it("gives the decoded text whatever characters its tokens split", ({ expect }) => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), cuts, (text, at) => {
        const ids = [...Buffer.from(text)];
        expect(assemble(ids, at)).toEqual({ text, tokens: ids.length, reason: "length" });
      }),
    );
  });

  it("gives broken bytes as the decoder gives them all at once", ({ expect }) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), cuts, (bytes, at) => {
        const ids = [...bytes];
        expect(assemble(ids, at).text).toBe(byteDecoder.decode(ids));
      }),
    );
  });

  it("holds back a character until its last token and the text before it not at all", ({
    expect,
  }) => {
    const text = assembly();
    const [first, second, third] = Buffer.from("€");
    expect(text.append([65, first ?? 0])).toBe("A");
    expect(text.append([second ?? 0])).toBe("");
    expect(text.append([third ?? 0, 66])).toBe("€B");
  });

  it("stays linear in tokens that never make a character", ({ expect }) => {
    const ids = Array<number>(4_096).fill(0xff);
    let decoded = 0;
    const counting = {
      decode(tokenIds: readonly number[]): string {
        decoded += tokenIds.length;
        return byteDecoder.decode(tokenIds);
      },
    };
    const text = new TextAssembly(counting, { endTokenIds: new Set(), stops: [] });
    for (const id of ids) text.append([id]);
    text.finish();
    expect(text.text).toBe("\uFFFD".repeat(4_096));
    expect(decoded).toBeLessThan(ids.length * 100);
  });
});

describe("the end of a text", () => {
  it("is the first end token: nothing after it is given out or counted", ({ expect }) => {
    fc.assert(
      fc.property(fc.string(), fc.array(fc.nat(255)), cuts, (before, after, at) => {
        const ids = [...Buffer.from(before)];
        expect(assemble([...ids, END, ...after], at)).toEqual({
          text: before,
          tokens: ids.length,
          reason: "stop",
        });
      }),
    );
  });

  it("is before a stop string, across tokens, as a single pass over the text would have it", ({
    expect,
  }) => {
    const stop = fc.string({ unit: fc.constantFrom("a", "b", "é"), minLength: 1, maxLength: 3 });
    const word = fc.string({ unit: fc.constantFrom("a", "b", "c", "é", "😀"), maxLength: 12 });
    fc.assert(
      fc.property(word, stop, cuts, (text, stopString, at) => {
        const stopAt = text.indexOf(stopString);
        const kept = stopAt < 0 ? text : text.slice(0, stopAt);
        expect(assemble([...Buffer.from(text)], at, [stopString])).toEqual({
          text: kept,
          tokens: Buffer.from(kept).length,
          reason: stopAt < 0 ? "length" : "stop",
        });
      }),
    );
  });

  it("counts a token that a stop string cuts in two", ({ expect }) => {
    expect(assemble([WORD, 108, 100], [], ["orld"])).toEqual({
      text: " w",
      tokens: 1,
      reason: "stop",
    });
  });

  it("gives out the beginning of a stop string that never came", ({ expect }) => {
    expect(assemble([97, 98], [1], ["abc"]).text).toBe("ab");
    expect(assemble([97, 98, END, 99], [1], ["abc"]).text).toBe("ab");
  });

  it("counts special tokens inside the text and gives them no text", ({ expect }) => {
    expect(assemble([97, SPECIAL, 98], [2])).toEqual({ text: "ab", tokens: 3, reason: "length" });
  });

  it("may come at once", ({ expect }) => {
    expect(assemble([END], [])).toEqual({ text: "", tokens: 0, reason: "stop" });
    expect(assemble([97], [], ["a"])).toEqual({ text: "", tokens: 0, reason: "stop" });
    expect(assemble([], [])).toEqual({ text: "", tokens: 0, reason: "length" });
  });
});
