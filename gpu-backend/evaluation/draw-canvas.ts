/**
 * Draws a recorded generation as an animated SVG: a canvas of masks that fills in, step by step.
 *
 * Pure: cells in, text out. Plays in any browser and in a README, without a script.
 */

/** One position of the generated canvas. */
export interface CanvasCell {
  readonly text: string;
  /** Denoising step at which it was committed, from 1. */
  readonly step: number;
  /** Probability in [0, 1] at which it was committed. */
  readonly confidence: number;
}

const WIDTH = 760;
const MARGIN = 20;
const LINE_HEIGHT = 30;
const CHARACTER_WIDTH = 8.4;
const WIDE_CHARACTER_WIDTH = 15;
const CELL_PADDING = 3;
/** How long one step stays on screen, and how long the finished canvas does, seconds. */
const STEP_SECONDS = 0.22;
const HOLD_SECONDS = 4;

interface PlacedCell extends CanvasCell {
  readonly x: number;
  readonly y: number;
  readonly width: number;
}

/**
 * @param prompt Shown above the canvas, one line.
 * @param cells In canvas order.
 * @returns An SVG document; its last frame is also what a renderer without animation shows.
 */
export function drawCanvas(prompt: string, cells: readonly CanvasCell[]): string {
  const stepCount = Math.max(...cells.map((cell) => cell.step));
  const totalSeconds = stepCount * STEP_SECONDS + HOLD_SECONDS;
  const placed = placeCells(cells, MARGIN + LINE_HEIGHT * 2);
  const height = Math.max(...placed.map((cell) => cell.y)) + LINE_HEIGHT + MARGIN;
  const percentOf = (step: number) => ((step * STEP_SECONDS * 100) / totalSeconds).toFixed(2);
  const keyframes = Array.from({ length: stepCount }, (_, index) => {
    const percent = percentOf(index + 1);
    return `@keyframes s${index + 1}{0%,${percent}%{opacity:1}${percent}1%,100%{opacity:0}}`;
  });
  const counters = Array.from({ length: stepCount + 1 }, (_, step) => {
    const [from, to] = [percentOf(step), step === stepCount ? "100" : percentOf(step + 1)];
    const hidden = step === stepCount ? 1 : 0;
    const name = `c${step}`;
    const before = step === 0 ? "" : `0%,${from}%{opacity:0}`;
    const after = step === stepCount ? "" : `${to}1%,100%{opacity:0}`;
    const rule = `@keyframes ${name}{${before}${from}1%,${to}%{opacity:1}${after}}`;
    const label = `step ${step} of ${stepCount}`;
    const style = `opacity:${hidden};animation:${name} ${totalSeconds}s infinite step-end`;
    return {
      rule,
      text: `<text x="${WIDTH - MARGIN}" y="32" class="m" text-anchor="end" style="${style}">${label}</text>`,
    };
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escapeXml(`${prompt} ${cells.map((cell) => cell.text).join("")}`)}">`,
    `<style>text{font:14px ui-monospace,Menlo,Consolas,monospace;fill:#1f2430}.m{fill:#6b7280;font-size:12px}.k{animation-duration:${totalSeconds}s;animation-iteration-count:infinite;animation-timing-function:step-end;opacity:0}`,
    ...keyframes,
    ...counters.map((counter) => counter.rule),
    "</style>",
    `<rect width="${WIDTH}" height="${height}" rx="10" fill="#fbfbf9" stroke="#e5e5e0"/>`,
    `<text x="${MARGIN}" y="32" font-weight="600">${escapeXml(prompt)}</text>`,
    ...counters.map((counter) => counter.text),
    ...placed.map(drawCell),
    "</svg>\n",
  ].join("\n");
}

function drawCell(cell: PlacedCell): string {
  const shape = `x="${cell.x.toFixed(1)}" y="${cell.y - 18}" width="${cell.width.toFixed(1)}" height="25" rx="4"`;
  const text = cell.text.replace(/\s+/g, " ").trim();
  return [
    `<rect ${shape} fill="${colourOf(cell.confidence)}"/>`,
    `<text x="${(cell.x + CELL_PADDING).toFixed(1)}" y="${cell.y}">${escapeXml(text)}</text>`,
    `<rect ${shape} fill="#d4d4d0" class="k" style="animation-name:s${cell.step}"/>`,
  ].join("");
}

/** From amber (a guess) to green (sure). */
function colourOf(confidence: number): string {
  return `hsl(${Math.round(35 + 105 * confidence)} 70% 86%)`;
}

function placeCells(cells: readonly CanvasCell[], firstY: number): PlacedCell[] {
  let x = MARGIN;
  let y = firstY;
  return cells.map((cell) => {
    const width = widthOf(cell.text.replace(/\s+/g, " ").trim()) + 2 * CELL_PADDING;
    if (x + width > WIDTH - MARGIN || (cell.text.includes("\n") && x > MARGIN)) {
      x = MARGIN;
      y += LINE_HEIGHT;
    }
    const placed = { ...cell, x, y, width };
    x += width + 3;
    return placed;
  });
}

function widthOf(text: string): number {
  let width = 0;
  for (const character of text) {
    width += character > "\u2e7f" ? WIDE_CHARACTER_WIDTH : CHARACTER_WIDTH;
  }
  return Math.max(width, CHARACTER_WIDTH);
}

function escapeXml(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replace(/\s+/g, " ");
}
