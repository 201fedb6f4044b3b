import type { Canvas } from "#shared/sdk/canvas.ts";
import type { Terminal } from "../terminal.ts";
import { drawCanvasLines } from "./draw-canvas-lines.ts";

/** Redraws a canvas in place, a step below it. */
export class LiveCanvas {
  readonly #terminal: Terminal;
  #drawnLines = 0;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** Draws over what was drawn before. */
  draw(canvas: Canvas, caption: string): void {
    const lines = [...drawCanvasLines(canvas, this.#terminal.columns), caption];
    this.#terminal.write(`${this.#erase()}${lines.join("\n")}\n`);
    this.#drawnLines = lines.length;
  }

  /** Takes it away. */
  clear(): void {
    this.#terminal.write(this.#erase());
    this.#drawnLines = 0;
  }

  #erase(): string {
    // Up to its first line, and everything from there on.
    return this.#drawnLines === 0 ? "" : `\u001b[${this.#drawnLines}A\u001b[J`;
  }
}
