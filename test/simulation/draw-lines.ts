/**
 * Draws what was simulated as an SVG: panels side by side, some lines each.
 *
 * Pure: numbers in, text out. Vertical axes begin at zero; a horizontal one may be logarithmic.
 */
import { escapeXml, ticks } from "../benchmark/line-plot.ts";

/** One line. */
export interface Series {
  readonly label: string;
  /** Ascending by x, at least one. */
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface LinesPanel {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  /** At least one, at most as many as there are colours. */
  readonly series: readonly Series[];
  readonly isLogarithmic: boolean;
}

const PANEL = { width: 330, height: 260 };
const MARGIN = { left: 52, right: 20, top: 58, bottom: 44 };
const TITLE_HEIGHT = 34;
const COLOURS = ["#15803d", "#c2410c", "#1d4ed8"];
const LABEL_WIDTH = 92;
const MOST_DOTS = 12;

/** @returns An SVG document. */
export function drawLines(title: string, panels: readonly LinesPanel[]): string {
  const width = panels.length * PANEL.width;
  const height = PANEL.height + TITLE_HEIGHT;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeXml(title)}">`,
    "<style>text{font:11px ui-monospace,Menlo,Consolas,monospace;fill:#1f2430}.m{fill:#6b7280}.g{stroke:#e5e5e0}.l{fill:none;stroke-width:1.8}</style>",
    `<rect width="${width}" height="${height}" rx="10" fill="#fbfbf9" stroke="#e5e5e0"/>`,
    `<text x="16" y="22" font-weight="600">${escapeXml(title)}</text>`,
    ...panels.map(
      (panel, i) =>
        `<g transform="translate(${i * PANEL.width} ${TITLE_HEIGHT})">${drawPanel(panel)}</g>`,
    ),
    "</svg>\n",
  ].join("\n");
}

function drawPanel({ title, xLabel, yLabel, series, isLogarithmic }: LinesPanel): string {
  const points = series.flatMap((line) => line.points);
  const xs = points.map(([x]) => x);
  const right = PANEL.width - MARGIN.right;
  const bottom = PANEL.height - MARGIN.bottom;
  const yTicks = ticks(Math.max(...points.map(([, y]) => y)));
  const xTicks = isLogarithmic ? [...new Set(xs)] : ticks(Math.max(...xs));
  const scale = isLogarithmic ? Math.log : (x: number) => x;
  const [low, high] = [scale(Math.min(...xTicks)), scale(Math.max(...xTicks))];
  const placeX = (x: number) =>
    MARGIN.left + ((right - MARGIN.left) * (scale(x) - low)) / (high - low || 1);
  const placeY = (y: number) => bottom - ((bottom - MARGIN.top) * y) / (yTicks.at(-1) ?? 1);
  return [
    `<text x="16" y="18" font-weight="600">${escapeXml(title)}</text>`,
    ...series.map(
      ({ label }, i) =>
        `<text x="${16 + i * LABEL_WIDTH}" y="36" style="fill:${COLOURS[i]}">${escapeXml(label)}</text>`,
    ),
    ...yTicks.map(
      (y) =>
        `<line x1="${MARGIN.left}" x2="${right}" y1="${placeY(y)}" y2="${placeY(y)}" class="g"/>` +
        `<text x="${MARGIN.left - 6}" y="${placeY(y) + 4}" text-anchor="end" class="m">${y}</text>`,
    ),
    ...xTicks.map(
      (x) =>
        `<text x="${placeX(x).toFixed(1)}" y="${bottom + 16}" text-anchor="middle" class="m">${x}</text>`,
    ),
    `<text x="${(MARGIN.left + right) / 2}" y="${bottom + 34}" text-anchor="middle" class="m">${escapeXml(xLabel)}</text>`,
    `<text x="${right}" y="18" text-anchor="end" class="m">${escapeXml(yLabel)}</text>`,
    ...series.map((line, i) => drawSeries(line, COLOURS[i] ?? "", placeX, placeY)),
  ].join("");
}

function drawSeries(
  { points }: Series,
  colour: string,
  placeX: (x: number) => number,
  placeY: (y: number) => number,
): string {
  const places = points.map(([x, y]) => [placeX(x).toFixed(1), placeY(y).toFixed(1)] as const);
  const dots = places.length > MOST_DOTS ? [] : places;
  return (
    `<polyline points="${places.map((place) => place.join(",")).join(" ")}" class="l" stroke="${colour}"/>` +
    dots.map(([x, y]) => `<circle cx="${x}" cy="${y}" r="2.6" fill="${colour}"/>`).join("")
  );
}
