/**
 * What a node counts, as Prometheus reads it.
 *
 * Owns: names, labels and buckets. Does not own: when something happens (engine/), who may ask
 * (node-app.ts).
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import { type Tier, tierSchema } from "#shared/contracts/tier-names.ts";
import type { EngineLoad } from "../engine/engine-load.ts";
import type { EngineObserver, ObservedEnd, ObservedPass } from "../engine/engine-observer.ts";

const ROW_BUCKETS = [1, 2, 4, 8, 16, 32, 64, 128];
const SHARE_BUCKETS = [0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75];
const PASS_SECONDS = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5];
const WAIT_SECONDS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
/** Spans have any length: their label is rounded up, so that there are few. */
const SPAN_STEP = 32;

/** A registry of its own for each node, so that two in one process do not count together. */
export class NodeMetrics implements EngineObserver {
  readonly #registry = new Registry();
  readonly #own = { registers: [this.#registry] };
  readonly #batchRows = new Histogram({
    name: "unmask_batch_rows",
    help: "Rows of a forward pass.",
    buckets: ROW_BUCKETS,
    ...this.#own,
  });
  readonly #paddingShare = new Histogram({
    name: "unmask_padding_share",
    help: "Share of a pass's columns that are padding.",
    buckets: SHARE_BUCKETS,
    ...this.#own,
  });
  readonly #passSeconds = new Histogram({
    name: "unmask_pass_seconds",
    help: "Time of a forward pass by what is fed of each row, and its columns.",
    labelNames: ["fed", "columns"],
    buckets: PASS_SECONDS,
    ...this.#own,
  });
  readonly #passes = this.#counter("unmask_forward_passes_total", "Passes of a batch.");
  readonly #rows = this.#counter("unmask_rows_total", "Rows fed over all passes.");
  readonly #computed = this.#counter(
    "unmask_positions_computed_total",
    "Columns fed, padding included; contexts that a session computes again are not.",
  );
  readonly #recomputed = this.#counter(
    "unmask_positions_recomputed_total",
    "Columns of contexts that a session no longer had, or never had, and computed again.",
  );
  readonly #needed = this.#counter(
    "unmask_positions_needed_total",
    "Columns fed, padding not counted.",
  );
  readonly #waitSeconds = new Histogram({
    name: "unmask_wait_seconds",
    help: "From a generation's admission to its first pass.",
    labelNames: ["tier"],
    buckets: WAIT_SECONDS,
    ...this.#own,
  });
  readonly #ended = this.#tierCounter("unmask_generations_total", "Generations that ended.", [
    "outcome",
  ]);
  readonly #steps = this.#tierCounter("unmask_steps_total", "Denoising steps executed.");
  readonly #stepsSaved = this.#tierCounter(
    "unmask_steps_saved_total",
    "Steps that completed generations were allowed and did not take.",
  );
  readonly #hastened = this.#tierCounter(
    "unmask_hastened_steps_total",
    "Steps that committed more, to keep a deadline.",
  );
  readonly #deadlineMisses = this.#tierCounter(
    "unmask_deadline_misses_total",
    "Generations that ended behind their deadline.",
  );

  readonly #sessionsLost = this.#counter(
    "unmask_sessions_lost_total",
    "Threads of the network that ended by themselves and were started again.",
  );

  /** Counts a thread of the network that has ended by itself. */
  sessionLost(): void {
    this.#sessionsLost.inc();
  }

  /** Counts what the process itself takes too: memory, CPU, the event loop. */
  countProcess(): void {
    collectDefaultMetrics({ register: this.#registry });
  }

  /** Has the lengths of the queue read whenever somebody asks. */
  watchLoad(readLoad: () => EngineLoad): void {
    const gauge = (name: string, help: string, key: "waitingCount" | "runningCount") =>
      new Gauge({
        name,
        help,
        labelNames: ["tier"],
        ...this.#own,
        collect() {
          const { byTier } = readLoad();
          for (const tier of tierSchema.options) {
            this.set({ tier }, byTier.get(tier)?.[key] ?? 0);
          }
        },
      });
    gauge("unmask_queue_length", "Generations that wait for their first pass.", "waitingCount");
    gauge("unmask_running", "Generations that have begun.", "runningCount");
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** Everything in Prometheus' text format. */
  read(): Promise<string> {
    return this.#registry.metrics();
  }

  passEnded(pass: ObservedPass): void {
    const { shape, rowCount, neededColumns, recomputedColumns, elapsedMs } = pass;
    const { length, fedLength } = shape;
    const computed = rowCount * fedLength;
    const isWhole = fedLength === length;
    const columns = isWhole ? length : Math.ceil(fedLength / SPAN_STEP) * SPAN_STEP;
    this.#passSeconds.observe({ fed: isWhole ? "whole" : "span", columns }, elapsedMs / 1000);
    this.#batchRows.observe(rowCount);
    this.#paddingShare.observe(1 - neededColumns / computed);
    this.#passes.inc();
    this.#rows.inc(rowCount);
    this.#computed.inc(computed);
    this.#needed.inc(neededColumns);
    this.#recomputed.inc(recomputedColumns);
  }

  jobStarted(tier: Tier, waitMs: number): void {
    this.#waitSeconds.observe({ tier }, waitMs / 1000);
  }

  jobEnded({ tier, outcome, usage, isLate }: ObservedEnd): void {
    this.#ended.inc({ tier, outcome });
    this.#steps.inc({ tier }, usage.steps);
    this.#stepsSaved.inc({ tier }, usage.stepsSaved);
    this.#hastened.inc({ tier }, usage.hastenedSteps);
    if (isLate) this.#deadlineMisses.inc({ tier });
  }

  #counter(name: string, help: string): Counter {
    return new Counter({ name, help, ...this.#own });
  }

  #tierCounter(name: string, help: string, more: readonly string[] = []): Counter {
    return new Counter({ name, help, labelNames: ["tier", ...more], ...this.#own });
  }
}
