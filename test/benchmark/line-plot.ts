/**
 * Draws measurements as an SVG: panels side by side, one line each.
 *
 * Pure: numbers in, text out. Axes begin at zero, so that what is flat looks flat.
 */

/** One measured point. */
export interface PlotPoint {
  readonly x: number;
  readonly y: number;
}

/** One line with its axes. */
export interface PlotPanel {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  /** Ascending by x, at least one. */
  readonly points: readonly PlotPoint[];
}

const PANEL_WIDTH = 270;
const PANEL_HEIGHT = 210;
const MARGIN = { left: 52, right: 18, top: 34, bottom: 40 };
const TICKS = 4;
/** Leading digits of steps between ticks. */
const ROUND_DIGITS = [1, 2, 2.5, 5, 10];

/** @returns An SVG document. */
export function drawPanels(title: string, panels: readonly PlotPanel[]): string {
  const width = panels.length * PANEL_WIDTH;
  const height = PANEL_HEIGHT + MARGIN.top;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeXml(title)}">`,
    "<style>text{font:11px ui-monospace,Menlo,Consolas,monospace;fill:#1f2430}.m{fill:#6b7280}.g{stroke:#e5e5e0}.l{fill:none;stroke:#2f7d4f;stroke-width:2}.p{fill:#2f7d4f}</style>",
    `<rect width="${width}" height="${height}" rx="10" fill="#fbfbf9" stroke="#e5e5e0"/>`,
    `<text x="16" y="22" font-weight="600">${escapeXml(title)}</text>`,
    ...panels.map(
      (panel, i) =>
        `<g transform="translate(${i * PANEL_WIDTH} ${MARGIN.top})">${drawPanel(panel)}</g>`,
    ),
    "</svg>\n",
  ].join("\n");
}

function drawPanel({ title, xLabel, yLabel, points }: PlotPanel): string {
  const innerWidth = PANEL_WIDTH - MARGIN.left - MARGIN.right;
  const innerHeight = PANEL_HEIGHT - MARGIN.top - MARGIN.bottom;
  const xTicks = ticks(Math.max(...points.map(({ x }) => x)));
  const yTicks = ticks(Math.max(...points.map(({ y }) => y)));
  const placeX = (x: number) => MARGIN.left + (innerWidth * x) / (xTicks.at(-1) ?? 1);
  const placeY = (y: number) => MARGIN.top + innerHeight * (1 - y / (yTicks.at(-1) ?? 1));
  const bottom = placeY(0);
  const right = MARGIN.left + innerWidth;
  const places = points.map(({ x, y }) => `${placeX(x).toFixed(1)},${placeY(y).toFixed(1)}`);
  const dots = places.map((place) => {
    const [x, y] = place.split(",");
    return `<circle cx="${x}" cy="${y}" r="3" class="p"/>`;
  });
  return [
    `<text x="${MARGIN.left}" y="20" font-weight="600">${escapeXml(title)}</text>`,
    ...yTicks.map(
      (y) =>
        `<line x1="${MARGIN.left}" x2="${right}" y1="${placeY(y)}" y2="${placeY(y)}" class="g"/>` +
        `<text x="${MARGIN.left - 6}" y="${placeY(y) + 4}" text-anchor="end" class="m">${y}</text>`,
    ),
    ...xTicks.map(
      (x) => `<text x="${placeX(x)}" y="${bottom + 16}" text-anchor="middle" class="m">${x}</text>`,
    ),
    `<text x="${(MARGIN.left + right) / 2}" y="${bottom + 32}" text-anchor="middle" class="m">${escapeXml(xLabel)}</text>`,
    `<text x="${right}" y="20" text-anchor="end" class="m">${escapeXml(yLabel)}</text>`,
    `<polyline points="${places.join(" ")}" class="l"/>`,
    ...dots,
  ].join("");
}

/** Round numbers from zero to `largest` or a little more. */
export function ticks(largest: number): number[] {
  const rough = (largest > 0 ? largest : 1) / TICKS;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * (ROUND_DIGITS.find((digit) => digit * power >= rough) ?? 10);
  const count = Math.ceil(largest / step - 1e-9);
  return Array.from({ length: Math.max(1, count) + 1 }, (_, i) =>
    Number((i * step).toPrecision(6)),
  );
}

export function escapeXml(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
