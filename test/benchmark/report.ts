import type { BenchReport, Figure } from "./part.ts";

/** A report that keeps what it is given. */
export class KeptReport implements BenchReport {
  readonly #write: (line: string) => void;
  readonly #figures = new Map<string, Figure>();
  readonly #skipped = new Map<string, string>();

  /** @param write Takes lines for whoever watches. */
  constructor(write: (line: string) => void) {
    this.#write = write;
  }

  /** Figures by name, in the order in which they came. */
  get figures(): Readonly<Record<string, Figure>> {
    return Object.fromEntries(this.#figures);
  }

  /** Why figures are missing, by their names. */
  get skipped(): Readonly<Record<string, string>> {
    return Object.fromEntries(this.#skipped);
  }

  add(name: string, figure: Figure): void {
    if (this.#figures.has(name)) throw new RangeError(`two figures called ${name}`);
    if (!Number.isFinite(figure.value)) throw new RangeError(`${name} is ${figure.value}`);
    this.#figures.set(name, figure);
    this.#write(`${name} = ${Number(figure.value.toPrecision(4))} ${figure.unit}`);
  }

  skip(names: readonly string[], reason: string): void {
    for (const name of names) {
      this.#skipped.set(name, reason);
      this.#write(`SKIPPED ${name}: ${reason}`);
    }
  }

  tell(line: string): void {
    this.#write(line);
  }
}
