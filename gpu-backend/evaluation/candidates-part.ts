/**
 * What the tiers could be made of: steps, threshold, block length and cache, each with its quality and
 * passes, so that the table in the contract can be read off.
 */

import type { Tier } from "#shared/contracts/tier-names.ts";
import { type DecodingRule, decodeByRule, decodeByTier } from "./decodings.ts";
import { mean } from "./mean.ts";
import type { EvaluationPart, PartContext } from "./part.ts";
import { runItems } from "./run-items.ts";
import { createTasks, type Task } from "./tasks.ts";

const THRESHOLDS = [0.95, 0.9, 0.8, 0.6] as const;
/** Of the tier that must lose nearly nothing. */
const CAREFUL_THRESHOLDS = [0.99, 0.98, 0.95] as const;
/** `null` leaves the block to the node. */
const BLOCK_LENGTHS = [null, 8] as const;
const SHORT_BLOCK_LENGTHS = [null, 16, 8, 4, 2] as const;
/** Of each task's items, one in so many. */
const STRIDE = 2;

/** By tier: what it may be, beside what it is. */
const CANDIDATES: Readonly<Record<Exclude<Tier, "max">, readonly DecodingRule[]>> = {
  draft: combine([4, 8], ["dual"], true, THRESHOLDS, BLOCK_LENGTHS),
  fast: combine([2, 4], ["dual"], true, THRESHOLDS, BLOCK_LENGTHS),
  balanced: combine([1, 2], ["prefix", "none"], false, CAREFUL_THRESHOLDS, SHORT_BLOCK_LENGTHS),
  quality: combine([1], ["none"], false, [null], SHORT_BLOCK_LENGTHS),
};

/** A candidate, measured. */
interface Candidate {
  readonly name: string;
  readonly passes: number;
  readonly positions: number;
  /** By task, against `quality`; negative where it gains. */
  readonly pointsLost: Readonly<Record<string, number>>;
}

/** `candidates`: runs only where it is named. */
export const candidatesPart: EvaluationPart = {
  name: "candidates",
  weight: 0,
  async run(context) {
    const tasks = createTasks(context.model, context.corpus, context.isQuick)
      .filter(({ name }) => name !== "stories")
      .map((task) => ({ ...task, items: task.items.filter((_, i) => i % STRIDE === 0) }));
    const measured = new Map<string, Candidate>();
    const ruleCount = Object.values(CANDIDATES).flat().length;
    context.report.plan((1 + ruleCount) * tasks.length);
    const exact = await measure(context, decodeByTier("quality"), tasks, null);
    measured.set("quality", exact.candidate);
    for (const [tier, rules] of Object.entries(CANDIDATES)) {
      context.report.tell(`\n${tier}: what it loses in points, and its passes a request`);
      for (const rule of rules) {
        const decoding = decodeByRule(rule);
        const known = measured.get(decoding.name);
        const candidate =
          known ?? (await measure(context, decoding, tasks, exact.quality)).candidate;
        measured.set(decoding.name, candidate);
        context.report.tell(describe(candidate, exact.candidate.passes));
      }
    }
    context.report.keep("candidates", [...measured.values()]);
  },
};

async function measure(
  { model, report }: PartContext,
  decoding: ReturnType<typeof decodeByRule>,
  tasks: readonly Task[],
  exact: ReadonlyMap<string, number> | null,
): Promise<{ candidate: Candidate; quality: Map<string, number> }> {
  const quality = new Map<string, number>();
  const passes: number[] = [];
  const positions: number[] = [];
  for (const task of tasks) {
    const results = await runItems(model, decoding, task.items, (done) =>
      report.progress(done, task.items.length, `${decoding.name}: ${task.name}`),
    );
    quality.set(task.name, mean(results.map(({ score }) => score)));
    passes.push(mean(results.map(({ outcome }) => outcome.usage.forwardPasses)));
    positions.push(mean(results.map(({ outcome }) => outcome.usage.positionsComputed)));
  }
  const pointsLost = Object.fromEntries(
    [...quality].map(([task, value]) => [task, 100 * ((exact?.get(task) ?? value) - value)]),
  );
  const candidate = {
    name: decoding.name,
    passes: mean(passes),
    positions: mean(positions),
    pointsLost,
  };
  return { candidate, quality };
}

function describe({ name, passes, positions, pointsLost }: Candidate, exactPasses: number): string {
  const lost = Object.entries(pointsLost).map(([task, points]) => `${task} ${points.toFixed(1)}`);
  const times = (exactPasses / passes).toFixed(1);
  return `  ${name.padEnd(62)} ${passes.toFixed(1).padStart(5)} passes (${times} times fewer), ${Math.round(positions)} positions; ${lost.join(", ")}`;
}

function combine(
  tokensPerStep: readonly number[],
  caches: readonly DecodingRule["cache"][],
  earlyExit: boolean,
  thresholds: readonly DecodingRule["confidenceThreshold"][],
  blockLengths: readonly DecodingRule["blockLength"][],
): DecodingRule[] {
  return tokensPerStep.flatMap((tokens) =>
    caches.flatMap((cache) =>
      thresholds.flatMap((confidenceThreshold) =>
        blockLengths.map((blockLength) => ({
          tokensPerStep: tokens,
          confidenceThreshold,
          cache,
          earlyExit,
          blockLength,
        })),
      ),
    ),
  );
}
