import { describe, it } from "vitest";
import { drawCanvas } from "../../../../gpu-backend/evaluation/draw-canvas.ts";

const cells = [
  { text: "Once", step: 1, confidence: 0.9 },
  { text: " <upon>", step: 3, confidence: 0.5 },
  { text: " &", step: 2, confidence: 1 },
];

describe("drawCanvas", () => {
  it("hides every cell until its own step", ({ expect }) => {
    const svg = drawCanvas("Tell", cells);
    const covers = [...svg.matchAll(/class="k" style="animation-name:s(\d+)"/g)];
    expect(covers.map(([, step]) => Number(step))).toEqual([1, 3, 2]);
    for (const { step } of cells) expect(svg).toContain(`@keyframes s${step}{`);
  });

  it("escapes what would end the markup", ({ expect }) => {
    const svg = drawCanvas('a "b" <c>', cells);
    expect(svg).toContain("&lt;upon&gt;");
    expect(svg).toContain("&amp;</text>");
    expect(svg).not.toMatch(/<(upon|c)>/);
  });

  it("keeps every cell inside the picture", ({ expect }) => {
    const many = Array.from({ length: 200 }, (_, i) => ({
      ...cells[0],
      text: `word${i}`,
      step: 1,
      confidence: 1,
    }));
    const svg = drawCanvas("many", many);
    const [, width = 0, height = 0] = /viewBox="0 0 (\d+) (\d+)"/.exec(svg)?.map(Number) ?? [];
    for (const [, x, y, w, h] of svg.matchAll(
      /<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"/g,
    )) {
      expect(Number(x) + Number(w)).toBeLessThanOrEqual(width);
      expect(Number(y) + Number(h)).toBeLessThanOrEqual(height);
    }
  });
});
