import { describe, it } from "vitest";
import { POOL_SCALING_POLICY } from "../../../edge/pool/pool-scaler.ts";
import { drawArrivals } from "../../simulation/arrivals.ts";
import {
  completionOf,
  countLost,
  countStepUnits,
  measuredRequests,
  waitOf,
} from "../../simulation/figures.ts";
import { GPU_NODE } from "../../simulation/parameters.ts";
import { ROUTER_NAMES, ROUTERS, type RouterName } from "../../simulation/routers.ts";
import {
  MAX_DAY_NODES,
  runDay,
  runScenario,
  type Scenario,
  steadyScenario,
} from "../../simulation/scenarios.ts";
import { createRandom } from "../../simulation/seeded-random.ts";
import { type PoolOutcome, simulatePool } from "../../simulation/simulated-pool.ts";

const TIMEOUT_MS = 120_000;
const durationMs = 20_000;
const lossy: Scenario = {
  ...steadyScenario("losses", { ...GPU_NODE, startMs: 5_000 }, 12, 1.2, durationMs),
  losses: [5_000, 8_000, 11_000, 14_000, 17_000],
};

/** Seconds on the average. */
function meanCompletion(outcome: PoolOutcome, warmUpMs: number): number {
  const measured = measuredRequests(outcome, warmUpMs);
  return (
    measured.reduce((sum, request) => sum + completionOf(request), 0) / measured.length / 1_000
  );
}

describe("the simulated pool", () => {
  it("executes every step of every request once, whatever nodes are lost", {
    timeout: TIMEOUT_MS,
  }, ({ expect }) => {
    for (const router of ROUTER_NAMES) {
      const outcome = runScenario(lossy, router);
      expect(outcome.lostNodeCount).toBe(5);
      expect(outcome.resumedCount).toBeGreaterThan(0);
      expect(countLost(outcome)).toBe(0);
      expect(outcome.refused.size).toBe(0);
      for (const request of outcome.requests) {
        expect(request.executedSteps).toBe(request.steps);
        expect(request.deliveredSteps).toBe(request.steps);
        expect(waitOf(request)).toBeGreaterThanOrEqual(0);
        expect(completionOf(request)).toBeGreaterThan(waitOf(request));
      }
      const demanded = outcome.requests.reduce((sum, { steps, pages }) => sum + steps * pages, 0);
      expect(countStepUnits(outcome.requests)).toBe(demanded);
      expect(outcome.busyMs).toBeLessThanOrEqual(outcome.readyMs);
      expect(outcome.readyMs).toBeLessThanOrEqual(outcome.paidMs);
    }
  });

  it("has the same outcome for the same seed, another for another", { timeout: TIMEOUT_MS }, ({
    expect,
  }) => {
    const ends = (seed: number) =>
      runScenario(lossy, "ours", seed).requests.map(({ endedAt }) => endedAt);
    expect(ends(3)).toEqual(ends(3));
    expect(ends(3)).not.toEqual(ends(4));
  });

  it("is done sooner by our choice than in turn or by fewest connections", {
    timeout: TIMEOUT_MS,
  }, ({ expect }) => {
    // Many isolates of the edge, each of which sees little of what the others send.
    const scenario = {
      ...steadyScenario("many", GPU_NODE, 32, 1.4, durationMs),
      edgeCount: 32,
    };
    const mean = (router: RouterName) =>
      meanCompletion(runScenario(scenario, router), scenario.warmUpMs);
    const ours = mean("ours");
    expect(ours).toBeLessThan(0.9 * mean("round_robin"));
    expect(ours).toBeLessThan(0.9 * mean("least_connections"));
  });

  it("grows from no node, serves all and never exceeds its bound", {
    timeout: TIMEOUT_MS,
  }, ({ expect }) => {
    const outcome = runDay(600_000, 3);
    const ready = outcome.samples.map(({ readyNodes }) => readyNodes);
    expect(ready[0]).toBe(0);
    expect(Math.max(...ready)).toBeGreaterThan(1);
    for (const { readyNodes, startingNodes } of outcome.samples) {
      expect(readyNodes + startingNodes).toBeLessThanOrEqual(MAX_DAY_NODES);
    }
    expect(countLost(outcome)).toBe(0);
    expect(outcome.refused.size).toBe(0);
    expect(outcome.requests.every(({ executedSteps, steps }) => executedSteps === steps)).toBe(
      true,
    );
  });

  it("is held to the most nodes that a policy allows", { timeout: TIMEOUT_MS }, ({ expect }) => {
    const outcome = simulatePool({
      seed: 1,
      createRouter: ROUTERS.ours,
      edgeCount: 2,
      nodeCount: 0,
      kindOf: () => ({ ...GPU_NODE, startMs: 1_000 }),
      scaling: { ...POOL_SCALING_POLICY, maxNodes: 2 },
      arrivals: drawArrivals(() => 8, 8, 30_000, createRandom(1)),
      losses: [],
      warmUpMs: 0,
      durationMs: 60_000,
    });
    const counts = outcome.samples.map((at) => at.readyNodes + at.startingNodes);
    expect(Math.max(...counts)).toBe(2);
    expect(countLost(outcome)).toBe(0);
  });
});
