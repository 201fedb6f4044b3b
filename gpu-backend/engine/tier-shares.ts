import type { Tier } from "#shared/contracts/tier-names.ts";

/**
 * A tier's share of what a node computes while all of them wait: who waits for few steps is served
 * sooner, and nobody is served last alone.
 */
export const TIER_WEIGHTS: Readonly<Record<Tier, number>> = {
  draft: 5,
  fast: 4,
  balanced: 3,
  quality: 2,
  max: 1,
};

/** Start-time fair queueing over tiers: what each has had, against its weight. */
export class TierShares {
  /** Columns over weight, by tier. */
  readonly #served = new Map<Tier, number>();
  /** What the tier that was chosen last had had then. */
  #clock = 0;

  /** Notes that a tier which had nothing to do has something: its idle time earns it nothing. */
  enter(tier: Tier): void {
    this.#served.set(tier, Math.max(this.servedOf(tier), this.#clock));
  }

  /** What a tier has had, against its weight; the least is the first in turn. */
  servedOf(tier: Tier): number {
    return this.#served.get(tier) ?? 0;
  }

  /** The tier of the next pass among those that have work; of equal ones, the one with more weight. */
  choose(tiers: Iterable<Tier>): Tier | null {
    let chosen: Tier | null = null;
    for (const tier of tiers) if (chosen === null || this.#isBefore(tier, chosen)) chosen = tier;
    if (chosen !== null) this.#clock = Math.max(this.#clock, this.servedOf(chosen));
    return chosen;
  }

  /** Charges a tier with its columns of a pass that was its turn. */
  charge(tier: Tier, columns: number): void {
    this.#served.set(tier, this.servedOf(tier) + columns / TIER_WEIGHTS[tier]);
  }

  #isBefore(tier: Tier, other: Tier): boolean {
    const difference = this.servedOf(tier) - this.servedOf(other);
    return difference < 0 || (difference === 0 && TIER_WEIGHTS[tier] > TIER_WEIGHTS[other]);
  }
}
