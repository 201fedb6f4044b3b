import { describe, it } from "vitest";
import { drawPanels } from "../../benchmark/line-plot.ts";

describe("a plot", () => {
  const panel = {
    title: "rows",
    xLabel: "rows & columns",
    yLabel: "ms",
    points: [
      { x: 0, y: 30 },
      { x: 40, y: 30 },
    ],
  };

  it("draws each panel's points, a flat line level", ({ expect }) => {
    const svg = drawPanels("cost", [panel, { ...panel, title: "layers" }]);
    expect(svg.match(/<circle /g)).toHaveLength(4);
    expect(svg).toContain(">layers<");
    const [from, to] = /<polyline points="([^"]+)"/.exec(svg)?.[1]?.split(" ") ?? [];
    expect(from?.split(",")[1]).toBe(to?.split(",")[1]);
    expect(from?.split(",")[0]).not.toBe(to?.split(",")[0]);
  });

  it("begins its axes at zero and escapes its words", ({ expect }) => {
    const svg = drawPanels("a < b", [panel]);
    expect(svg).toContain("a &lt; b");
    expect(svg).toContain("rows &amp; columns");
    expect(svg).toMatch(/class="m">0</);
    expect(svg).toMatch(/class="m">40</);
  });
});
