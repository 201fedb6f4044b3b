import { describe, it } from "vitest";
import { drawBar, ProgressBar } from "../../../../gpu-backend/evaluation/progress-bar.ts";

function createBar(hasTerminal: boolean) {
  const [drawn, lines] = [[] as string[], [] as string[]];
  let now = 0;
  const bar = new ProgressBar({
    terminal: hasTerminal ? { write: (text) => void drawn.push(text) } : null,
    writeLine: (line) => void lines.push(line),
    now: () => now,
  });
  return {
    bar,
    drawn,
    lines,
    wait: (ms: number) => {
      now += ms;
    },
  };
}

describe("a progress bar", () => {
  it("is as full as its share, and never beyond its ends", ({ expect }) => {
    expect(drawBar(0)).toBe(`${"·".repeat(24)} 0 %`);
    expect(drawBar(0.5)).toBe(`${"█".repeat(12)}${"·".repeat(12)} 50 %`);
    expect(drawBar(7)).toBe(`${"█".repeat(24)} 100 %`);
    expect(drawBar(-1)).toBe(drawBar(0));
  });

  it("writes over its own line of a terminal, and takes itself away", ({ expect }) => {
    const { bar, drawn, lines } = createBar(true);
    bar.show(0.25, "reading");
    bar.show(0.5, "writing");
    bar.clear();
    expect(drawn.every((text) => text.startsWith("\r\u001b[2K") && !text.includes("\n"))).toBe(
      true,
    );
    expect(drawn.map((text) => text.includes("50 %"))).toEqual([false, true, false]);
    expect(lines).toEqual([]);
  });

  it("is a line a second where there is no terminal, none for short work", ({ expect }) => {
    const { bar, drawn, lines, wait } = createBar(false);
    bar.show(0.1, "reading");
    wait(1_000);
    bar.show(0.2, "reading");
    bar.show(0.3, "reading");
    bar.clear();
    expect(lines).toEqual([`${drawBar(0.2)}  reading`]);
    expect(drawn).toEqual([]);
  });
});
