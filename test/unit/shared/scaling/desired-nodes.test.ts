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
