/**
 * A request of the mixture: what passes it needs, and how far it has come.
 *
 * Owns: drawing one. Does not own: when it comes (arrivals.ts), where it runs (simulated-pool.ts).
 */
import type { RunDemand } from "../../edge/pool/predict-completion.ts";
import { lengthBucket } from "../../gpu-backend/canvas/length-bucket.ts";
import { POSITIONS_PER_STEP_UNIT } from "../../shared/contracts/limits.ts";
import type { Tier } from "../../shared/contracts/tier-names.ts";
import { TIERS, tierSteps } from "../../shared/contracts/tiers.ts";
import {
  BLOCK_LENGTH,
  GENERATION_LENGTH_SHARES,
  LEAST_EXECUTED_SHARE,
  MAX_CANVAS_LENGTH,
  PROMPT_TOKENS_MAX,
  PROMPT_TOKENS_MEDIAN,
  PROMPT_TOKENS_SPREAD,
  TIER_SHARES,
} from "./parameters.ts";

/** What passes must have in common to be one, as gpu-backend's `PassShape`. */
export interface Shape {
  readonly key: string;
  readonly fedLength: number;
}

export class SimulatedRequest {
  /** In the order of arrival. */
  readonly id: number;
  readonly tier: Tier;
  readonly arrivedAt: number;
  /** As an edge knows it. */
  readonly demand: RunDemand;
  /** Steps that it takes; an edge knows the most, `demand.steps`. */
  readonly steps: number;
  /** Step units of one step. */
  readonly pages: number;
  /** Of each step, in turn. */
  readonly #shapes: readonly Shape[];
  /** Steps that the edge has heard of: where another node goes on. */
  deliveredSteps = 0;
  /** Steps that any node has executed. */
  executedSteps = 0;
  firstPassAt: number | null = null;
  endedAt: number | null = null;

  constructor(id: number, draw: RequestDraw, arrivedAt: number) {
    this.id = id;
    const { tier, promptLength, generationLength, executedShare } = draw;
    const rule = TIERS[tier];
    const positions = promptLength + generationLength;
    const maxSteps =
      tierSteps(tier, generationLength, BLOCK_LENGTH) +
      rule.revisionStepsPerToken * generationLength;
    const blockCount = Math.ceil(generationLength / BLOCK_LENGTH);
    const hasThreshold = rule.confidenceThreshold !== null;
    this.tier = tier;
    this.arrivedAt = arrivedAt;
    this.steps = hasThreshold
      ? Math.max(blockCount, Math.round(maxSteps * executedShare))
      : maxSteps;
    this.pages = Math.ceil(positions / POSITIONS_PER_STEP_UNIT);
    this.demand = {
      positions,
      blockLength: rule.cache === "none" ? null : BLOCK_LENGTH,
      steps: maxSteps,
    };
    this.#shapes = listShapes(this.steps, positions, generationLength, rule.cache);
  }

  /** Shape of the next pass; `null` after the last. */
  get shape(): Shape | null {
    return this.#shapes[this.deliveredSteps] ?? null;
  }

  get maxStepUnits(): number {
    return this.demand.steps * this.pages;
  }

  /** Step units that it still needs at most. */
  get remainingStepUnits(): number {
    return (this.demand.steps - this.deliveredSteps) * this.pages;
  }

  /** Columns that all of its passes feed. */
  get columns(): number {
    return this.#shapes.reduce((sum, { fedLength }) => sum + fedLength, 0);
  }
}

/** What is left to chance. */
export interface RequestDraw {
  readonly tier: Tier;
  readonly promptLength: number;
  readonly generationLength: number;
  /** In [0, 1]. */
  readonly executedShare: number;
}

/** Draws one of the mixture. */
export function drawRequest(random: () => number): RequestDraw {
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const promptLength = PROMPT_TOKENS_MEDIAN * Math.exp(PROMPT_TOKENS_SPREAD * normal);
  return {
    tier: pick(TIER_SHARES, random()),
    promptLength: Math.max(1, Math.min(PROMPT_TOKENS_MAX, Math.round(promptLength))),
    generationLength: pick(GENERATION_LENGTH_SHARES, random()),
    executedShare: LEAST_EXECUTED_SHARE + (1 - LEAST_EXECUTED_SHARE) * random(),
  };
}

function pick<Item>(shares: readonly (readonly [Item, number])[], at: number): Item {
  let sum = 0;
  for (const [item, share] of shares) {
    sum += share;
    if (at < sum) return item;
  }
  const last = shares.at(-1);
  if (last === undefined) throw new RangeError("nothing to pick from");
  return last[0];
}

const knownShapes = new Map<string, Shape>();

function toShape(length: number, span: number | null): Shape {
  const key = `${length}/${span ?? "whole"}`;
  const known = knownShapes.get(key) ?? { key, fedLength: span ?? length };
  knownShapes.set(key, known);
  return known;
}

/**
 * The first pass of each block is whole; where a cache is, the others feed the block alone (`dual`) or
 * all from it on (`prefix`).
 */
function listShapes(
  steps: number,
  positions: number,
  generationLength: number,
  cache: "none" | "prefix" | "dual",
): Shape[] {
  const length = lengthBucket(positions, MAX_CANVAS_LENGTH);
  const blockCount = Math.ceil(generationLength / BLOCK_LENGTH);
  let blockIndex = -1;
  return Array.from({ length: steps }, (_, step) => {
    const before = blockIndex;
    blockIndex = Math.min(blockCount - 1, Math.floor((step * blockCount) / steps));
    if (cache === "none" || blockIndex !== before) return toShape(length, null);
    const behind = cache === "dual" ? 0 : (blockCount - 1 - blockIndex) * BLOCK_LENGTH;
    return toShape(length, BLOCK_LENGTH + behind);
  });
}
