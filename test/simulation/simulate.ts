/**
 * `npm run simulate -- --json FILE [--quick]`: the pool beyond one machine, by discrete events.
 *
 * Owns: the order of scenarios, the file `{date, commit, results}` and the plots beside it.
 * Does not own: any decision of the pool, which is the product's own code.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { readCommit } from "../../gpu-backend/evaluation/measured-on.ts";
import { dailyRate } from "./arrivals.ts";
import { drawLines, type LinesPanel } from "./draw-lines.ts";
import { completionOf, type Figure, measuredRequests, quantile, readFigures } from "./figures.ts";
import { GPU_NODE } from "./parameters.ts";
import { ROUTER_NAMES, type RouterName } from "./routers.ts";
import {
  DAY_PEAK_RATE,
  DAY_SPEED,
  KINDS,
  mishapScenarios,
  runDay,
  runScenario,
  type Scenario,
  steadyScenario,
} from "./scenarios.ts";

const USAGE = "npm run simulate -- --json FILE [--quick]";
const EXIT_REFUSED = 2;
const HOUR_MS = 3_600_000;
const PLOTTED_SAMPLES = 240;
/** How many requests a scenario of a great pool has, about. */
const MOST_REQUESTS = 30_000;

interface Point {
  readonly x: number;
  readonly router: RouterName;
  readonly p50: number;
  readonly p99: number;
}

/** Runs scenarios under every policy, notes their figures, and gives their completions by `xOf`. */
function compare(
  scenarios: readonly Scenario[],
  xOf: (scenario: Scenario) => number,
  results: Record<string, Figure>,
): Point[] {
  return scenarios.flatMap((scenario) =>
    ROUTER_NAMES.map((router) => {
      const outcome = runScenario(scenario, router);
      Object.assign(results, readFigures(`${scenario.name}_${router}`, outcome, scenario.warmUpMs));
      const seconds = measuredRequests(outcome, scenario.warmUpMs).map(
        (request) => completionOf(request) / 1_000,
      );
      const point = { p50: quantile(seconds, 0.5), p99: quantile(seconds, 0.99) };
      process.stderr.write(
        `${scenario.name} ${router}: ${point.p50.toFixed(2)} s, p99 ${point.p99.toFixed(2)} s\n`,
      );
      return { x: xOf(scenario), router, ...point };
    }),
  );
}

function panel(
  title: string,
  xLabel: string,
  points: readonly Point[],
  share: "p50" | "p99",
  isLogarithmic: boolean,
): LinesPanel {
  return {
    title,
    xLabel,
    yLabel: `${share}, seconds`,
    isLogarithmic,
    series: ROUTER_NAMES.map((router) => ({
      label: router.replace("_", " "),
      points: points
        .filter((point) => point.router === router)
        .map((point) => [point.x, point[share]] as const),
    })),
  };
}

function simulateLoads(isQuick: boolean, results: Record<string, Figure>): string {
  const loads = isQuick ? [1, 1.5] : [0.6, 0.9, 1.2, 1.5, 1.8];
  const durationMs = isQuick ? 20_000 : 120_000;
  const panels = KINDS.map((kind) => {
    const scenarios = loads.map((load) =>
      steadyScenario(`${kind.name}_16_at_${load}`, kind, 16, load, durationMs),
    );
    const points = compare(scenarios, ({ rate }) => rate / 16, results);
    const of = `completion, 16 ${kind.name.toUpperCase()} nodes`;
    return panel(of, "requests a second for each node", points, "p99", false);
  });
  return drawLines("Completion against load", panels);
}

function simulateSizes(isQuick: boolean, results: Record<string, Figure>): string {
  const sizes = isQuick ? [1, 16] : [1, 4, 16, 64, 250, 1_000];
  const perNode = 1.4;
  const scenarios = sizes.map((size) => {
    const durationMs = Math.min(
      isQuick ? 20_000 : 120_000,
      (MOST_REQUESTS * 1_000) / size / perNode,
    );
    return steadyScenario(`gpu_${size}_nodes`, GPU_NODE, size, perNode, durationMs);
  });
  const points = compare(scenarios, ({ nodeCount }) => nodeCount, results);
  return drawLines(
    "Completion against the number of nodes",
    (["p50", "p99"] as const).map((share) =>
      panel(`at ${perNode} requests/s a node`, "GPU nodes", points, share, true),
    ),
  );
}

function simulateDay(isQuick: boolean, results: Record<string, Figure>): string {
  const durationMs = (isQuick ? 0.1 : 1) * ((24 * HOUR_MS) / DAY_SPEED);
  const outcome = runDay(durationMs, isQuick ? 4 : DAY_PEAK_RATE);
  Object.assign(results, readFigures("gpu_day", outcome, 0));
  const every = Math.max(1, Math.floor(outcome.samples.length / PLOTTED_SAMPLES));
  const samples = outcome.samples.filter(({ atMs }, i) => i % every === 0 && atMs <= durationMs);
  const most = Math.max(...outcome.samples.map(({ readyNodes }) => readyNodes));
  results["gpu_day_most_nodes"] = { value: most, unit: "nodes" };
  const hours = (atMs: number) => (24 * atMs) / durationMs;
  const rateAt = dailyRate(isQuick ? 4 : DAY_PEAK_RATE, durationMs);
  return drawLines("A day", [
    {
      title: "nodes",
      xLabel: "hour",
      yLabel: "",
      isLogarithmic: false,
      series: [
        { label: "ready", points: samples.map((at) => [hours(at.atMs), at.readyNodes]) },
        { label: "wished for", points: samples.map((at) => [hours(at.atMs), at.desiredNodes]) },
      ],
    },
    {
      title: "load",
      xLabel: "hour",
      yLabel: "requests a second",
      isLogarithmic: false,
      series: [{ label: "", points: samples.map(({ atMs }) => [hours(atMs), rateAt(atMs)]) }],
    },
  ]);
}

function readFlags(): { file: string; isQuick: boolean } {
  const { values } = parseArgs({
    options: { json: { type: "string" }, quick: { type: "boolean", default: false } },
  });
  if (values.json === undefined) throw new TypeError("--json is missing");
  return { file: resolve(values.json), isQuick: values.quick };
}

function main(): void {
  const { file, isQuick } = readFlags();
  const folder = dirname(file);
  mkdirSync(folder, { recursive: true });
  // Of the code that runs, whatever is committed meanwhile.
  const [date, commit] = [new Date().toISOString(), readCommit()];
  const results: Record<string, Figure> = {};
  writeFileSync(join(folder, "load.svg"), simulateLoads(isQuick, results));
  writeFileSync(join(folder, "size.svg"), simulateSizes(isQuick, results));
  const mishapMs = isQuick ? 20_000 : 120_000;
  for (const kind of KINDS) compare(mishapScenarios(kind, mishapMs), () => 0, results);
  writeFileSync(join(folder, "day.svg"), simulateDay(isQuick, results));
  writeFileSync(file, `${JSON.stringify({ date, commit, results }, null, 2)}\n`);
}

try {
  main();
} catch (thrown) {
  if (!(thrown instanceof TypeError)) throw thrown;
  process.stderr.write(`${thrown.message}\n${USAGE}\n`);
  process.exitCode = EXIT_REFUSED;
}
