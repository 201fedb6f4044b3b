import fc from "fast-check";
import { describe, it } from "vitest";
import { PATIENCE_MS, type Scheduler } from "../../../../gpu-backend/engine/scheduler.ts";
import { TIER_WEIGHTS } from "../../../../gpu-backend/engine/tier-shares.ts";
import { type Tier, tierSchema } from "../../../../shared/contracts/tier-names.ts";
import {
  createItem,
  createItems,
  type Item,
  namesOf,
  runPass,
  schedulerWith,
} from "./scheduler-items.ts";

const TIERS = tierSchema.options;
const ENDLESS = 1e9;

describe("tiers", () => {
  it("share the passes by their weights while all of them wait", ({ expect }) => {
    // A shape each, so that none rides along with another.
    const all = TIERS.map((tier, i) => ({ tier, length: 32 * (i + 1), remainingSteps: ENDLESS }));
    const scheduler = schedulerWith(createItems(all), 1);
    const columns = new Map<Tier, number>();
    for (let turn = 0; turn < 3_000; turn += 1) {
      for (const { tier, passShape } of runPass(scheduler)) {
        columns.set(tier, (columns.get(tier) ?? 0) + passShape.fedLength);
      }
    }
    const unit = columns.get("max") ?? 0;
    for (const tier of TIERS) {
      expect((columns.get(tier) ?? 0) / unit).toBeCloseTo(TIER_WEIGHTS[tier], 0);
    }
  });

  it("earn nothing by idling", ({ expect }) => {
    const scheduler = schedulerWith([createItem({ tier: "draft", remainingSteps: ENDLESS })], 1);
    for (let turn = 0; turn < 100; turn += 1) runPass(scheduler);
    scheduler.admit(createItem({ tier: "max", length: 64, remainingSteps: ENDLESS }), 0);
    const tiers = Array.from({ length: 24 }, () => runPass(scheduler)[0]?.tier);
    expect(tiers.filter((tier) => tier === "max")).toHaveLength(3);
  });

  it("ride along in a pass that has room for them", ({ expect }) => {
    const all = createItems([{ tier: "max" }, { tier: "draft" }, { tier: "fast" }]);
    expect(namesOf(runPass(schedulerWith(all, 8)))).toEqual([1, 0, 2]);
  });
});

describe("deadlines", () => {
  it("go first inside a tier, the earliest first, in one shape and over shapes", ({ expect }) => {
    const all = createItems([
      { remainingSteps: 2 },
      { deadlineAt: 2_000, remainingSteps: 2 },
      { deadlineAt: 1_000, length: 64, remainingSteps: 2 },
      { deadlineAt: 1_500, remainingSteps: 2 },
    ]);
    const scheduler = schedulerWith(all, 1);
    const order = Array.from({ length: 8 }, (_, now) => runPass(scheduler, now)[0]?.name);
    expect(order).toEqual([2, 2, 3, 3, 1, 1, 0, 0]);
  });

  it("count for nothing once they have passed", ({ expect }) => {
    const all = createItems([{}, { deadlineAt: 1_000 }]);
    expect(namesOf(runPass(schedulerWith(all, 1), 1_000))).toEqual([0]);
  });

  it("do not go before what has waited longer than patience", ({ expect }) => {
    const scheduler = schedulerWith(createItems([{}]), 1);
    const now = PATIENCE_MS;
    scheduler.admit(createItem({ name: 1, deadlineAt: now + 1 }), now);
    expect(namesOf(runPass(scheduler, now))).toEqual([0]);
  });
});

/** What arrives, and when, beside the one that is watched. */
const arrival = fc.record({
  gap: fc.nat(400),
  tier: fc.constantFrom(...TIERS),
  length: fc.constantFrom(32, 64, 96),
  rowCount: fc.constantFrom(1, 2),
  remainingSteps: fc.integer({ min: 1, max: 8 }),
  deadlineMs: fc.option(fc.integer({ min: 1, max: 5_000 })),
});
type Arrival = typeof arrival extends fc.Arbitrary<infer Value> ? Value : never;

const PASS_MS = 100;

/** Admits the arrivals over and over, as long as twice as much is asked for as passes can do. */
class Flood {
  readonly #arrivals: readonly Arrival[];
  #count = 0;
  #nextAt = 0;
  #steps = 0;

  constructor(arrivals: readonly Arrival[]) {
    this.#arrivals = arrivals;
  }

  pour(scheduler: Scheduler<Item>, now: number): void {
    while (this.#nextAt <= now && this.#steps < (2 * now) / PASS_MS + 20) {
      const next = this.#arrivals[this.#count % this.#arrivals.length];
      if (next === undefined) return;
      const { gap, deadlineMs, ...rest } = next;
      const deadlineAt = deadlineMs === null ? null : now + deadlineMs;
      scheduler.admit(createItem({ ...rest, deadlineAt }), now);
      this.#steps += rest.remainingSteps;
      this.#count += 1;
      this.#nextAt = now + gap;
    }
  }
}

describe("whoever waits", () => {
  it("is served in bounded time, whatever keeps arriving", ({ expect }) => {
    const watched = fc.record({
      tier: fc.constantFrom(...TIERS),
      length: fc.constantFrom(32, 64, 128),
    });
    // A tier's backlog of the time of patience, at its share of a machine of which all want all.
    const shares = Object.values(TIER_WEIGHTS).reduce((sum, weight) => sum + weight, 0);
    const short = { gap: 0, length: 32, rowCount: 1, remainingSteps: 1 } as const;
    fc.assert(
      fc.property(fc.array(arrival, { minLength: 1 }), watched, (arrivals, wish) => {
        const item = createItem({ ...wish, name: -1 });
        const scheduler = schedulerWith([item], 2);
        const flood = new Flood(arrivals);
        const limitMs = (shares / TIER_WEIGHTS[wish.tier]) * PATIENCE_MS * 4;
        for (let now = 0; !item.hasStarted && now <= limitMs; now += PASS_MS) {
          flood.pour(scheduler, now);
          runPass(scheduler, now);
        }
        expect(item.hasStarted).toBe(true);
      }),
      {
        examples: [
          // Short rows of its own tier ride with every pass of another's.
          [
            [
              { tier: "max", ...short, deadlineMs: 1 },
              { tier: "draft", ...short, deadlineMs: null },
            ],
            { tier: "max", length: 128 },
          ],
        ],
      },
    );
  });

  it("is finished, every one of them", ({ expect }) => {
    fc.assert(
      fc.property(fc.array(arrival), (arrivals) => {
        const items: Item[] = createItems(
          arrivals.map(({ gap, deadlineMs, ...rest }) => ({ ...rest, deadlineAt: deadlineMs })),
        );
        const scheduler = schedulerWith(items, 2);
        const total = items.reduce((sum, { remainingSteps }) => sum + remainingSteps, 0);
        for (let pass = 0; pass < total; pass += 1) runPass(scheduler, pass);
        expect(scheduler.count).toBe(0);
      }),
    );
  });
});
