/**
 * Draws quality against forward passes as an SVG: a line for numbers of steps, a dot for each tier.
 *
 * Pure: numbers in, text out. The horizontal axis is logarithmic, the vertical one begins at zero.
 */

/** One decoding. */
export interface FrontierPoint {
  readonly label: string;
  /** Forward passes, above 0. */
  readonly x: number;
  /** A fraction. */
  readonly y: number;
}

/** One task. */
export interface FrontierPanel {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  /** Ascending by x. */
  readonly line: readonly FrontierPoint[];
  readonly points: readonly FrontierPoint[];
}

const PANEL_WIDTH = 330;
const PANEL_HEIGHT = 250;
const MARGIN = { left: 48, right: 24, top: 40, bottom: 44 };
const TITLE_HEIGHT = 34;
const PANELS_IN_A_ROW = 2;
const Y_TICKS = 4;
const ROUND_SHARES = [0.02, 0.04, 0.1, 0.2, 0.4, 0.6, 0.8, 1];
const COLOURS: Readonly<Record<string, string>> = {
  draft: "#c2410c",
  fast: "#b45309",
  balanced: "#15803d",
  quality: "#1d4ed8",
  max: "#7e22ce",
};
const OTHER_COLOUR = "#374151";

/** @returns An SVG document. */
export function drawFrontier(title: string, panels: readonly FrontierPanel[]): string {
  const columns = Math.max(1, Math.min(PANELS_IN_A_ROW, panels.length));
  const width = columns * PANEL_WIDTH;
  const height = TITLE_HEIGHT + Math.ceil(panels.length / columns) * PANEL_HEIGHT;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeXml(title)}">`,
    "<style>text{font:11px ui-monospace,Menlo,Consolas,monospace;fill:#1f2430}.m{fill:#6b7280}.g{stroke:#e5e5e0}.l{fill:none;stroke:#9ca3af;stroke-width:1.5}</style>",
    `<rect width="${width}" height="${height}" rx="10" fill="#fbfbf9" stroke="#e5e5e0"/>`,
    `<text x="16" y="22" font-weight="600">${escapeXml(title)}</text>`,
    ...panels.map((panel, i) => {
      const [x, y] = [(i % columns) * PANEL_WIDTH, Math.floor(i / columns) * PANEL_HEIGHT];
      return `<g transform="translate(${x} ${y + TITLE_HEIGHT})">${drawPanel(panel)}</g>`;
    }),
    "</svg>\n",
  ].join("\n");
}

function drawPanel(panel: FrontierPanel): string {
  const all = [...panel.line, ...panel.points];
  const largestX = Math.max(2, ...all.map(({ x }) => x));
  const largestY = Math.max(...all.map(({ y }) => y));
  const top = ROUND_SHARES.find((share) => share >= largestY) ?? 1;
  const bottom = PANEL_HEIGHT - MARGIN.bottom;
  const right = PANEL_WIDTH - MARGIN.right;
  const placeX = (x: number) =>
    MARGIN.left + ((right - MARGIN.left) * Math.log2(Math.max(1, x))) / Math.log2(largestX);
  const placeY = (y: number) => bottom - ((bottom - MARGIN.top) * y) / top;
  const xTicks = Array.from({ length: Math.floor(Math.log2(largestX)) + 1 }, (_, i) => 2 ** i);
  const places = panel.line.map(({ x, y }) => `${placeX(x).toFixed(1)},${placeY(y).toFixed(1)}`);
  return [
    `<text x="${MARGIN.left}" y="24" font-weight="600">${escapeXml(panel.title)}</text>`,
    `<text x="${right}" y="24" text-anchor="end" class="m">${escapeXml(panel.yLabel)}</text>`,
    ...Array.from({ length: Y_TICKS + 1 }, (_, i) => {
      const [share, y] = [(top * i) / Y_TICKS, placeY((top * i) / Y_TICKS).toFixed(1)];
      return (
        `<line x1="${MARGIN.left}" x2="${right}" y1="${y}" y2="${y}" class="g"/>` +
        `<text x="${MARGIN.left - 6}" y="${Number(y) + 4}" text-anchor="end" class="m">${Number((share * 100).toFixed(1))}%</text>`
      );
    }),
    ...xTicks.map(
      (x) =>
        `<text x="${placeX(x).toFixed(1)}" y="${bottom + 16}" text-anchor="middle" class="m">${x}</text>`,
    ),
    `<text x="${(MARGIN.left + right) / 2}" y="${bottom + 32}" text-anchor="middle" class="m">${escapeXml(panel.xLabel)}</text>`,
    ...(places.length > 0 ? [`<polyline points="${places.join(" ")}" class="l"/>`] : []),
    ...places.map((place) => drawDot(place, 2.5, "#9ca3af")),
    ...panel.points.map((point, i) => drawTier(point, placeX(point.x), placeY(point.y), i)),
  ].join("");
}

function drawDot(place: string, radius: number, colour: string): string {
  const [x, y] = place.split(",");
  return `<circle cx="${x}" cy="${y}" r="${radius}" fill="${colour}"/>`;
}

/** Labels alternate above and below, since neighbours often lie close together. */
function drawTier({ label }: FrontierPoint, x: number, y: number, index: number): string {
  const colour = COLOURS[label] ?? OTHER_COLOUR;
  const labelY = (y + (index % 2 === 0 ? -9 : 18)).toFixed(1);
  const anchor = x > PANEL_WIDTH - MARGIN.right - 40 ? "end" : "middle";
  return (
    drawDot(`${x.toFixed(1)},${y.toFixed(1)}`, 5, colour) +
    `<text x="${x.toFixed(1)}" y="${labelY}" text-anchor="${anchor}" style="fill:${colour}">${escapeXml(label)}</text>`
  );
}

function escapeXml(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
