import { describe, it } from "vitest";
import { KeptReport } from "../../benchmark/report.ts";

describe("a report", () => {
  it("keeps figures and why others are missing, and says each aloud", ({ expect }) => {
    const lines: string[] = [];
    const report = new KeptReport((line) => lines.push(line));
    report.add("a_of_b", { value: 0.5, unit: "ratio", runs: 3 });
    report.skip(["c", "d"], "no peer");
    expect(report.figures).toEqual({ a_of_b: { value: 0.5, unit: "ratio", runs: 3 } });
    expect(report.skipped).toEqual({ c: "no peer", d: "no peer" });
    expect(lines).toEqual(["a_of_b = 0.5 ratio", "SKIPPED c: no peer", "SKIPPED d: no peer"]);
  });

  it("refuses what is no figure, and a name that is taken", ({ expect }) => {
    const report = new KeptReport(() => undefined);
    const figure = { value: 1, unit: "ratio", runs: 1 };
    report.add("a", figure);
    expect(() => report.add("a", figure)).toThrow(/two figures/);
    expect(() => report.add("b", { ...figure, value: Number.NaN })).toThrow(RangeError);
  });
});
