import { describe, it } from "vitest";
import { drawFrontier } from "../../../../gpu-backend/evaluation/draw-frontier.ts";
import { Report } from "../../../../gpu-backend/evaluation/report.ts";

function createReport(isTerminal: boolean) {
  const written: string[] = [];
  let now = 0;
  const report = new Report({
    write: (text) => written.push(text),
    isTerminal,
    now: () => {
      now += 1000;
      return now;
    },
  });
  return { report, written };
}

describe("Report", () => {
  it("keeps figures by name, each once and finite", ({ expect }) => {
    const { report } = createReport(false);
    report.add("passes", 1 / 3, "times");
    expect(report.results).toEqual({ passes: { value: 0.333333, unit: "times" } });
    expect(() => report.add("passes", 1, "times")).toThrow(RangeError);
    expect(() => report.add("other", Number.NaN, "times")).toThrow(RangeError);
  });

  it("says what is missing and why", ({ expect }) => {
    const { report, written } = createReport(false);
    report.skip("reversal_*", "needs --data CORPUS");
    expect(report.skipped).toEqual({ "reversal_*": "needs --data CORPUS" });
    expect(written.join("")).toContain("SKIPPED reversal_*: needs --data CORPUS");
  });

  it("draws a bar that never goes back, over one line of a terminal", ({ expect }) => {
    const { report, written } = createReport(true);
    report.enter("steps", 0, 0.5);
    report.plan(2);
    for (const what of ["first", "second"]) {
      for (const done of [0, 5, 10]) report.progress(done, 10, what);
    }
    report.enter("decoders", 0.5, 0.5);
    report.progress(1, 1, "third");
    const shares = written.map((text) => Number(/(\d+) %/.exec(text)?.[1]));
    expect(shares).toEqual([0, 12, 25, 25, 37, 50, 100]);
    expect(written.every((text) => text.startsWith("\r") && !text.includes("\n"))).toBe(true);
  });

  it("writes a line for each stage where there is no terminal", ({ expect }) => {
    const { report, written } = createReport(false);
    report.plan(2);
    for (const done of [0, 1, 2, 3]) report.progress(done, 3, "first");
    report.progress(0, 3, "second");
    expect(written.length).toBe(2);
  });
});

describe("drawFrontier", () => {
  it("places more passes to the right and more quality above, and names the tiers", ({
    expect,
  }) => {
    const svg = drawFrontier("Quality <of> steps", [
      {
        title: "sums",
        xLabel: "passes",
        yLabel: "exact",
        line: [
          { label: "1", x: 1, y: 0.1 },
          { label: "16", x: 16, y: 0.5 },
        ],
        points: [{ label: "draft", x: 4, y: 0.3 }],
      },
    ]);
    expect(svg).toContain("Quality &lt;of&gt; steps");
    expect(svg).toContain(">draft</text>");
    const [, x1 = "", y1 = "", x2 = "", y2 = ""] =
      /<polyline points="([\d.]+),([\d.]+) ([\d.]+),([\d.]+)"/.exec(svg) ?? [];
    expect(Number(x2)).toBeGreaterThan(Number(x1));
    expect(Number(y2)).toBeLessThan(Number(y1));
  });
});
