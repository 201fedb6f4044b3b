import type { Canvas, CanvasPosition } from "#shared/sdk/canvas.ts";

const RESET = "\u001b[0m";
const DIM = "\u001b[2m";
/** From unsure to sure, of the 256 colours that terminals agree on. */
const SURENESS = [208, 214, 220, 190, 118, 84];
const MASK = "░";

/** A canvas as lines of a terminal, `columns` wide, coloured by how sure the network was. */
export function drawCanvasLines(canvas: Canvas, columns: number): string[] {
  const lines: string[] = [""];
  let width = 0;
  for (const { character, paint } of canvas.positions.flatMap(toPainted)) {
    const charWidth = isWide(character) ? 2 : 1;
    if (character === "\n" || width + charWidth > columns) {
      lines.push("");
      width = 0;
    }
    if (character === "\n") continue;
    lines[lines.length - 1] += `${paint}${character}${RESET}`;
    width += charWidth;
  }
  return lines;
}

function toPainted(position: CanvasPosition): { character: string; paint: string }[] {
  const paint = colourOf(position);
  return [...textOf(position)].map((character) => ({ character, paint }));
}

function textOf({ status, text }: CanvasPosition): string {
  return status === "masked" ? MASK : text.replaceAll("\t", " ");
}

function colourOf({ status, confidence }: CanvasPosition): string {
  if (status === "masked" || status === "provisional") return DIM;
  if (confidence === null) return "";
  const index = Math.min(SURENESS.length - 1, Math.floor(confidence * SURENESS.length));
  return `\u001b[38;5;${SURENESS[index]}m`;
}

/** East Asian characters take two columns. */
function isWide(character: string): boolean {
  return character >= "\u2e80";
}
