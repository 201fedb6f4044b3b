/** What the scheduler's packing loses of two cores, on loads and costs of passes that are fixed. */
import { describe, it } from "vitest";
import { type Tier, tierSchema } from "../../../../shared/contracts/tier-names.ts";
import { TIERS, tierSteps } from "../../../../shared/contracts/tiers.ts";
import { createRandom } from "../../../support/write-checkpoint.ts";
import {
  type SimulatedRequest,
  type SimulatedRun,
  type SimulatedStep,
  simulateCores,
} from "./simulated-cores.ts";

const ALL_TIERS = tierSchema.options;
const BLOCK_LENGTH = 32;
const [MIN_LENGTH, MAX_LENGTH] = [8, 256];
const REQUESTS = 64;
const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8];

/** Each block's first step feeds the whole row, the others what the tier's cache leaves. */
function listSteps(tier: Tier, length: number, promptLength: number): SimulatedStep[] {
  const { cache, revisionStepsPerToken } = TIERS[tier];
  const generationLength = length - promptLength;
  const stepCount = tierSteps(tier, generationLength, BLOCK_LENGTH);
  const blockCount = Math.ceil(generationLength / BLOCK_LENGTH);
  const blockOf = (step: number) =>
    Math.min(blockCount - 1, Math.floor((step * blockCount) / stepCount));
  const steps = Array.from({ length: stepCount }, (_, step): SimulatedStep => {
    const block = blockOf(step);
    const isFirst = step === 0 || blockOf(step - 1) !== block;
    if (cache === "none" || isFirst) return { rowLength: length, spanLength: null };
    const left = generationLength - block * BLOCK_LENGTH;
    const spanLength = cache === "prefix" ? left : Math.min(left, BLOCK_LENGTH);
    return { rowLength: length, spanLength };
  });
  const revision = Array.from(
    { length: revisionStepsPerToken * generationLength },
    (): SimulatedStep => ({ rowLength: length, spanLength: null }),
  );
  return [...steps, ...revision];
}

/** Lengths spread evenly over octaves, tiers in turn, gaps exponential. */
function drawLoad(seed: number, tiers: readonly Tier[], meanGapMs: number): SimulatedRequest[] {
  const random = createRandom(seed);
  let arrivesAtMs = 0;
  return Array.from({ length: REQUESTS }, (_, i) => {
    const length = Math.round(MIN_LENGTH * (MAX_LENGTH / MIN_LENGTH) ** random());
    const tier = tiers[i % tiers.length] ?? "balanced";
    const steps = listSteps(tier, length, Math.floor(length / 4));
    arrivesAtMs -= meanGapMs * Math.log(1 - random());
    return { tier, arrivesAtMs, steps };
  });
}

/** Time with requests there, over what their columns take at best. */
const overIdeal = ({ totalMs, emptyMs, idealMs }: SimulatedRun) => (totalMs - emptyMs) / idealMs;

/** Share of the cores' time without a pass, while requests were there. */
function idleShare({ totalMs, emptyMs, busyMs }: SimulatedRun, coreCount: number): number {
  return 1 - busyMs / (coreCount * (totalMs - emptyMs));
}

describe("packing", () => {
  it.for(SEEDS)(
    "loses at most 12 % of a load of all tiers on two cores: load %d",
    (seed, { expect }) => {
      const run = simulateCores(drawLoad(seed, ALL_TIERS, 60), 2);
      expect(overIdeal(run)).toBeLessThan(1.12);
      expect(idleShare(run, 2)).toBeLessThan(0.01);
    },
  );

  it.for(SEEDS)(
    "loses at most 20 % of a load of cached requests on two cores: load %d",
    (seed, { expect }) => {
      const run = simulateCores(drawLoad(seed, ["draft", "fast", "balanced"], 5), 2);
      expect(overIdeal(run)).toBeLessThan(1.2);
      expect(idleShare(run, 2)).toBeLessThan(0.02);
    },
  );

  it("keeps eight cores busy as long as there are as many requests", ({ expect }) => {
    const run = simulateCores(drawLoad(1, ["balanced"], 0), 8);
    expect(idleShare(run, 8)).toBeLessThan(0.15);
  });

  it("lets short requests of every tier begin long before long ones end", ({ expect }) => {
    const run = simulateCores(drawLoad(1, ALL_TIERS, 0), 2);
    for (const tier of ALL_TIERS) {
      expect(run.longestWaitMs.get(tier) ?? Number.NaN).toBeLessThan(0.1 * run.totalMs);
    }
  });
});
