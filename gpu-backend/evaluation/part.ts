import type { Corpus } from "./corpus.ts";
import type { EvaluatedModel } from "./evaluation-model.ts";

/** A measured number. */
export interface Figure {
  readonly value: number;
  /** `fraction`, `points`, `passes`, `nats per token`, …; only figures in `ms` differ between two runs. */
  readonly unit: string;
}

/** What a part measures with. */
export interface PartContext {
  readonly model: EvaluatedModel;
  /** Null where no corpus folder was named. */
  readonly corpus: Corpus | null;
  /** Null where no twin was named. */
  readonly twin: EvaluatedModel | null;
  /** Fewer items, for a look in a minute or two. */
  readonly isQuick: boolean;
  readonly report: PartReport;
}

/** Where a part writes. */
export interface PartReport {
  /** @throws {RangeError} if the name was used, or the value is no finite number. */
  add(name: string, value: number, unit: string): void;
  /** Says why figures are missing. */
  skip(names: string, reason: string): void;
  /** Keeps texts or a table for whoever reads the document. */
  keep(name: string, value: unknown): void;
  /** Keeps a picture; `name` without its ending. */
  draw(name: string, svg: string): void;
  /** Says how many stages the part has, so that the bar never goes back. */
  plan(stages: number): void;
  /** Tells whoever watches how far a stage of the part is; another `what` is the next stage. */
  progress(done: number, total: number, what: string): void;
  /** A line for whoever watches. */
  tell(line: string): void;
}

/** One of the measurements of `npm run evaluate`. */
export interface EvaluationPart {
  readonly name: string;
  /** Its share of a whole evaluation's time, roughly; 0 for one that runs only where it is named. */
  readonly weight: number;
  run(context: PartContext): Promise<void>;
}
