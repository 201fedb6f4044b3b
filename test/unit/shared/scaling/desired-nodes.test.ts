import fc from "fast-check";
import { describe, it } from "vitest";
import {
  desireNodes,
  NO_SCALING_MEMORY,
  type ScalingLoad,
  type ScalingPolicy,
} from "../../../../shared/scaling/desired-nodes.ts";

const policy: ScalingPolicy = {
  targetWaitMs: 10_000,
  steadyWaitMs: 10_000,
  averagingMs: 1,
  minNodes: 0,
  maxNodes: 20,
  keepMs: 30_000,
  idleMs: 60_000,
  unknownStepUnitsPerSecond: 50,
};

function load(backlogStepUnits: number, runningStepUnits = 0): ScalingLoad {
  return { backlogStepUnits, runningStepUnits, nodeStepUnitsPerSecond: 10 };
}

/** Decisions for loads at times, one after another. */
function follow(steps: readonly (readonly [atMs: number, load: ScalingLoad])[]): number[] {
  let memory = NO_SCALING_MEMORY;
  return steps.map(([atMs, at]) => {
    const decision = desireNodes(memory, at, atMs, policy);
    ({ memory } = decision);
    return decision.desiredNodes;
  });
}

describe("desired nodes", () => {
  it("are none before any work, one for the least of it, the most for very much", ({ expect }) => {
    expect(follow([[0, load(0)]])).toEqual([0]);
    expect(follow([[0, load(1)]])).toEqual([1]);
    expect(follow([[0, load(0, 1)]])).toEqual([1]);
    expect(follow([[0, load(1e9)]])).toEqual([20]);
  });

  it("get through what waits and runs in the target time", ({ expect }) => {
    expect(follow([[0, load(200, 100)]])).toEqual([3]);
    expect(follow([[0, load(201, 100)]])).toEqual([4]);
  });

  it("meet work that stays in the shorter time, and no wave of it", ({ expect }) => {
    const steady: ScalingPolicy = {
      ...policy,
      steadyWaitMs: 2_500,
      averagingMs: 300_000,
      keepMs: 60_000,
    };
    const walk = (loads: readonly ScalingLoad[]) => {
      let memory = NO_SCALING_MEMORY;
      return loads.map((at, index) => {
        const decision = desireNodes(memory, at, index * 30_000, steady);
        ({ memory } = decision);
        return decision.desiredNodes;
      });
    };
    const wave = Array.from({ length: 40 }, (_, index) => load(index % 2 === 0 ? 20 : 100));
    const [first, ...later] = walk(wave);
    expect(first).toBe(1);
    // 60 on the average are 2.4 nodes' work of 2.5 s; 100 at a moment, one node's of 10 s.
    expect(Math.max(...later)).toBe(3);
    expect(later.at(-1)).toBe(3);
    for (const [index, nodes] of later.entries()) {
      if (index > 0) expect(nodes).toBeGreaterThanOrEqual(later[index - 1] ?? 0);
    }
    expect(walk([load(10), load(2_000)])[1]).toBe(20);
  });

  it("average over time, however often they are decided, and forget with the last work", ({
    expect,
  }) => {
    const steady: ScalingPolicy = { ...policy, steadyWaitMs: 2_500, averagingMs: 100_000 };
    const averageAt = (everyMs: number, until: number) => {
      let { memory } = desireNodes(NO_SCALING_MEMORY, load(10), 0, steady);
      for (let atMs = everyMs; atMs <= until; atMs += everyMs) {
        ({ memory } = desireNodes(memory, load(500), atMs, steady));
      }
      return memory;
    };
    const { average } = averageAt(1_000, 100_000);
    expect(average?.stepUnits).toBeCloseTo(10 + 490 * (1 - Math.exp(-1)), 6);
    expect(averageAt(20_000, 100_000).average?.stepUnits).toBeCloseTo(average?.stepUnits ?? 0, 6);
    const loaded = averageAt(1_000, 100_000);
    const idle = desireNodes(loaded, load(0), 159_999, steady);
    expect(idle.memory.average).not.toBeNull();
    const gone = desireNodes(idle.memory, load(0), 100_000 + policy.idleMs, steady);
    expect(gone.memory.average).toBeNull();
    // A clock that goes back changes no average.
    expect(desireNodes(loaded, load(900), 0, steady).memory.average?.stepUnits).toBe(
      loaded.average?.stepUnits,
    );
  });

  it("go by a given rate until one is measured", ({ expect }) => {
    const unknown = { ...load(1_000), nodeStepUnitsPerSecond: null };
    expect(follow([[0, unknown]])).toEqual([2]);
  });

  it("rise at once, fall when what was wanted is old, and are zero after idling", ({ expect }) => {
    const numbers = follow([
      [0, load(200)],
      [1_000, load(500)],
      [2_000, load(100)],
      [30_999, load(0)],
      [31_000, load(0)],
      [61_000, load(0)],
      [62_000, load(0)],
    ]);
    // The last work was there at 2,000; one node stays until 62,000.
    expect(numbers).toEqual([2, 5, 5, 5, 1, 1, 0]);
  });

  it("stay in their bounds, never below the need, and remember no more than there are nodes", ({
    expect,
  }) => {
    const units = fc.nat(5_000);
    const waits = fc.array(fc.tuple(fc.nat(20_000), units, units), { maxLength: 60 });
    fc.assert(
      fc.property(waits, fc.nat(3), (walk, minNodes) => {
        let memory = NO_SCALING_MEMORY;
        let nowMs = 0;
        for (const [waitMs, backlog, running] of walk) {
          nowMs += waitMs;
          const decision = desireNodes(memory, load(backlog, running), nowMs, {
            ...policy,
            minNodes,
          });
          const needed = Math.min(20, Math.ceil((backlog + running) / 100));
          expect(decision.desiredNodes).toBeGreaterThanOrEqual(Math.max(minNodes, needed));
          expect(decision.desiredNodes).toBeLessThanOrEqual(20);
          expect(decision.memory.wanted.length).toBeLessThanOrEqual(21);
          memory = decision.memory;
        }
      }),
    );
  });
});
