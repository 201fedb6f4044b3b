/** A bar for a terminal, and one line in a while where there is none. */

const BAR_WIDTH = 24;
/** Where lines cannot be written over, one in so long is enough. */
const LINE_INTERVAL_MS = 1_000;

/** `████········ 33 %` of a share in [0, 1]. */
export function drawBar(share: number): string {
  const within = Math.min(1, Math.max(0, share));
  const filled = Math.round(within * BAR_WIDTH);
  return `${"█".repeat(filled)}${"·".repeat(BAR_WIDTH - filled)} ${Math.floor(within * 100)} %`;
}

/** Where a bar is drawn. */
export interface BarOutput {
  /** Takes text as it is; null where nobody can write over a line. */
  readonly terminal: { write(text: string): void } | null;
  /** Takes a line. */
  readonly writeLine: (line: string) => void;
  /** Milliseconds, of any origin. */
  readonly now: () => number;
}

/** Shows how far some work is. */
export class ProgressBar {
  readonly #output: BarOutput;
  #saidAt: number;

  constructor(output: BarOutput) {
    this.#output = output;
    // Work of less than a second needs no line.
    this.#saidAt = output.now();
  }

  /**
   * Says what is done.
   *
   * @param share Done, in [0, 1].
   */
  show(share: number, what: string): void {
    const { terminal, writeLine, now } = this.#output;
    const line = `${drawBar(share)}  ${what}`;
    if (terminal !== null) terminal.write(`\r\u001b[2K${line}`);
    else if (now() - this.#saidAt >= LINE_INTERVAL_MS) {
      this.#saidAt = now();
      writeLine(line);
    }
  }

  /** Takes the bar away, for what is written next. */
  clear(): void {
    this.#output.terminal?.write("\r\u001b[2K");
  }
}
