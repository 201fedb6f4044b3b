/**
 * What the steps buy: every tier, and 1, 2, 4, … steps, on every task.
 *
 * Owns: the figures of each decoding, what a tier loses against `quality`, and the frontier's points.
 * Does not own: the tasks (tasks.ts), the picture (draw-frontier.ts).
 */

import { type Tier, tierSchema } from "#shared/contracts/tier-names.ts";
import { TIERS } from "#shared/contracts/tiers.ts";
import { type Decoding, decodeByTier, decodeInSteps } from "./decodings.ts";
import { drawFrontier, type FrontierPanel, type FrontierPoint } from "./draw-frontier.ts";
import { mean } from "./mean.ts";
import { measureTime } from "./measure-time.ts";
import type { EvaluationPart, PartContext } from "./part.ts";
import { type ItemResult, runItems } from "./run-items.ts";
import { judgeStories } from "./story-judge.ts";
import { createTasks, type Task } from "./tasks.ts";

/** Powers of two; an item is never run with more steps than it has tokens. */
const STEP_COUNTS = [1, 2, 4, 8, 16, 32] as const;
const QUICK_STEP_COUNTS = [1, 4] as const;
/** Of each task's items, those that the sweep over step counts runs. */
const SWEEP_SHARE = 0.5;

/** What one decoding made of one task. */
interface Measured {
  /** Mean score, a fraction; NaN for stories. */
  readonly quality: number;
  /** Forward passes of one request, mean. */
  readonly passes: number;
}

/** `steps`. */
export const stepsPart: EvaluationPart = {
  name: "steps",
  weight: 8,
  async run(context) {
    const { report, isQuick, corpus } = context;
    if (corpus === null) report.skip("steps_*_{couplets,problems,holes}", "needs --data CORPUS");
    if (context.twin === null) report.skip("steps_*_stories_perplexity", "needs --twin DIR");
    const tasks = createTasks(context.model, corpus, isQuick);
    const stepCounts = isQuick ? QUICK_STEP_COUNTS : STEP_COUNTS;
    report.plan((tierSchema.options.length + stepCounts.length) * tasks.length);
    const tiers = new Map<Tier, Map<string, Measured>>();
    for (const tier of tierSchema.options) {
      tiers.set(tier, await measureDecoding(context, decodeByTier(tier), tasks));
    }
    const sweep = new Map<number, Map<string, Measured>>();
    const fewer = tasks.map((task) => ({ ...task, items: thin(task.items) }));
    for (const steps of stepCounts) {
      sweep.set(steps, await measureDecoding(context, decodeInSteps(steps), fewer));
    }
    reportTiers(context, tiers);
    for (const tier of tierSchema.options) {
      report.add(`${tier}_ms`, await measureTime(context.model, decodeByTier(tier)), "ms");
    }
    report.keep("tiers", TIERS);
    report.draw("frontier", drawFrontier("Quality against forward passes", toPanels(tiers, sweep)));
  },
};

/** Every other item, so that each kind among them stays. */
function thin<Item>(items: readonly Item[]): Item[] {
  const stride = Math.round(1 / SWEEP_SHARE);
  return items.filter((_, index) => index % stride === 0);
}

async function measureDecoding(
  context: PartContext,
  decoding: Decoding,
  tasks: readonly Task[],
): Promise<Map<string, Measured>> {
  const { model, report } = context;
  const measured = new Map<string, Measured>();
  const all: ItemResult[] = [];
  for (const task of tasks) {
    const results = await runItems(model, decoding, task.items, (done) =>
      report.progress(done, task.items.length, `${decoding.name}: ${task.name}`),
    );
    const quality = mean(results.map(({ score }) => score));
    const passes = mean(results.map(({ outcome }) => outcome.usage.forwardPasses));
    const name = `${prefixOf(decoding)}_${task.name}`;
    if (task.name === "stories") await reportStories(context, name, results);
    else report.add(`${name}`, quality, "fraction");
    report.add(`${name}_passes`, passes, "passes per request");
    measured.set(task.name, { quality, passes });
    all.push(...results);
  }
  const sum = (read: (result: ItemResult) => number) =>
    all.reduce((total, result) => total + read(result), 0);
  const passes = sum(({ outcome }) => outcome.usage.forwardPasses);
  const prefix = prefixOf(decoding);
  const tokens = sum(({ outcome }) => outcome.usage.completionTokens);
  report.add(`${prefix}_tokens_per_pass`, tokens / passes, "tokens per pass");
  report.add(`${prefix}_price`, mean(all.map(({ price }) => price)), "micro-dollars per request");
  const computed = sum(({ outcome }) => outcome.usage.positionsComputed);
  report.add(`${prefix}_positions`, computed / all.length, "positions computed per request");
  return measured;
}

/** Tiers stand for themselves, step counts as `steps_8`. */
function prefixOf({ name }: Decoding): string {
  return name.startsWith("steps_") ? name : `tier_${name}`;
}

async function reportStories(
  { model, twin, report }: PartContext,
  name: string,
  results: readonly ItemResult[],
): Promise<void> {
  const judged = await judgeStories(
    model,
    twin,
    results.map(({ outcome }) => outcome),
  );
  if (judged.perplexity !== null) {
    report.add(`${name}_perplexity`, judged.perplexity, "under the twin");
  }
  report.add(`${name}_distinct_pairs`, judged.distinctPairs, "fraction");
}

/** What `quality` makes of the held-out word problems, and the promises that the tiers are held to. */
function reportTiers(
  { report }: PartContext,
  tiers: ReadonlyMap<Tier, ReadonlyMap<string, Measured>>,
): void {
  const read = (tier: Tier, task: string) => tiers.get(tier)?.get(task);
  const taskNames = [...(tiers.get("quality")?.keys() ?? [])];
  const passesOf = (tier: Tier) =>
    mean(taskNames.map((task) => read(tier, task)?.passes ?? Number.NaN));
  const arithmetic = read("quality", "problems");
  if (arithmetic !== undefined) report.add("arithmetic_exact", arithmetic.quality, "fraction");
  for (const tier of ["draft", "fast", "balanced"] as const) {
    report.add(`${tier}_fewer_passes`, passesOf("quality") / passesOf(tier), "times");
    const lost = taskNames
      .filter((task) => task !== "stories")
      .map((task) => {
        const points =
          100 * ((read("quality", task)?.quality ?? 0) - (read(tier, task)?.quality ?? 0));
        report.add(`${tier}_points_lost_${task}`, points, "points");
        return points;
      });
    report.add(`${tier}_points_lost`, Math.max(...lost), "points");
  }
}

function toPanels(
  tiers: ReadonlyMap<Tier, ReadonlyMap<string, Measured>>,
  sweep: ReadonlyMap<number, ReadonlyMap<string, Measured>>,
): FrontierPanel[] {
  const taskNames = [...(tiers.get("quality")?.keys() ?? [])].filter((task) => task !== "stories");
  const toPoint = (label: string, measured: Measured | undefined): FrontierPoint[] =>
    measured === undefined ? [] : [{ label, x: measured.passes, y: measured.quality }];
  return taskNames.map((task) => ({
    title: task,
    xLabel: "forward passes of one request",
    yLabel: "exact",
    line: [...sweep]
      .flatMap(([steps, tasks]) => toPoint(String(steps), tasks.get(task)))
      .sort((a, b) => a.x - b.x),
    points: [...tiers].flatMap(([tier, tasks]) => toPoint(tier, tasks.get(task))),
  }));
}
