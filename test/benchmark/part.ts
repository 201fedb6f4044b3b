/** What a part of the benchmark is told, and what it tells. */

/** One measured figure. */
export interface Figure {
  /** The median over the runs, unless its part says otherwise. */
  readonly value: number;
  /** `ratio` where it is a quotient; else `ms`, `tokens/s`, …. */
  readonly unit: string;
  /** How many measurements the value was made of. */
  readonly runs: number;
}

/** How thoroughly to measure. */
export interface BenchOptions {
  /** Few and short runs, to see that everything works; the values mean little. */
  readonly isQuick: boolean;
  /** Minutes of the soak under full load; 0 for none. */
  readonly soakMinutes: number;
  /** Existing folder for plots beside the report. */
  readonly plotFolder: string;
}

/** Where a part puts what it found. */
export interface BenchReport {
  /** @throws {RangeError} if the name is taken, or the value is no finite number. */
  add(name: string, figure: Figure): void;
  /** Says loudly why figures are missing. */
  skip(names: readonly string[], reason: string): void;
  /** One line on standard error: what takes time now, or what was seen on the way. */
  tell(line: string): void;
}

/** A group of figures that `--only` selects by its name. */
export interface BenchPart {
  /** Kebab-case. */
  readonly name: string;
  /** Leaves nothing behind: no process, no file but plots. A rejection fails the part, not the others. */
  run(options: BenchOptions, report: BenchReport): Promise<void>;
}
