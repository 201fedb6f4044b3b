import type { Figure, PartReport } from "./part.ts";
import { drawBar } from "./progress-bar.ts";

/** How the terminal is written to. */
export interface ReportOutput {
  write(text: string): void;
  /** True where a line can be written over. */
  readonly isTerminal: boolean;
  /** Milliseconds, of any origin. */
  readonly now: () => number;
}

/** Keeps what parts find, and shows how far the whole is. */
export class Report implements PartReport {
  readonly results: Record<string, Figure> = {};
  readonly skipped: Record<string, string> = {};
  readonly kept: Record<string, unknown> = {};
  readonly pictures: Record<string, string> = {};
  readonly #output: ReportOutput;
  readonly #startedAt: number;
  #part = { name: "", before: 0, weight: 0 };
  #plan = { stages: 1, stage: -1, what: "" };

  constructor(output: ReportOutput) {
    this.#output = output;
    this.#startedAt = output.now();
  }

  /**
   * Tells which part runs.
   *
   * @param before Share of the whole that is done, in [0, 1].
   * @param weight Share of the whole that the part is.
   */
  enter(name: string, before: number, weight: number): void {
    this.#part = { name, before, weight };
    this.plan(1);
  }

  add(name: string, value: number, unit: string): void {
    if (Object.hasOwn(this.results, name)) throw new RangeError(`two figures called ${name}`);
    if (!Number.isFinite(value)) throw new RangeError(`${name} is ${value}`);
    // Rounded, so that a change in the last bit of a sum is no change of the document.
    this.results[name] = { value: Number(value.toPrecision(6)), unit };
    this.tell(`${name} = ${Number(value.toPrecision(4))} ${unit}`);
  }

  skip(names: string, reason: string): void {
    this.skipped[names] = reason;
    this.tell(`SKIPPED ${names}: ${reason}`);
  }

  keep(name: string, value: unknown): void {
    this.kept[name] = value;
  }

  draw(name: string, svg: string): void {
    this.pictures[name] = svg;
  }

  tell(line: string): void {
    this.#clearBar();
    this.#output.write(`${line}\n`);
  }

  plan(stages: number): void {
    this.#plan = { stages, stage: -1, what: "" };
  }

  progress(done: number, total: number, what: string): void {
    const { name, before, weight } = this.#part;
    const isNew = what !== this.#plan.what;
    if (isNew) this.#plan = { ...this.#plan, stage: this.#plan.stage + 1, what };
    // Where lines cannot be written over, one for each stage is enough.
    if (!this.#output.isTerminal && !isNew) return;
    const { stage, stages } = this.#plan;
    const share = before + weight * Math.min(1, (stage + done / Math.max(1, total)) / stages);
    const seconds = Math.round((this.#output.now() - this.#startedAt) / 1000);
    const line = `${drawBar(share)} ${seconds} s  ${name} ${what}`;
    this.#output.write(this.#output.isTerminal ? `\r\u001b[2K${line}` : `${line}\n`);
  }

  #clearBar(): void {
    if (this.#output.isTerminal) this.#output.write("\r\u001b[2K");
  }
}
