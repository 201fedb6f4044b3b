import { describe, it } from "vitest";
import { PoolScaler } from "../../../../edge/pool/pool-scaler.ts";
import type { NodeHeartbeat } from "../../../../shared/contracts/pool.ts";
import type { ScalingPolicy } from "../../../../shared/scaling/desired-nodes.ts";
import { createHeartbeat } from "./scripted-pool.ts";

const policy: ScalingPolicy = {
  targetWaitMs: 10_000,
  steadyWaitMs: 10_000,
  averagingMs: 1,
  minNodes: 0,
  maxNodes: 100,
  keepMs: 0,
  idleMs: 60_000,
  unknownStepUnitsPerSecond: 50,
};

function decide(nodes: readonly Partial<NodeHeartbeat>[], waitingStepUnits = 0) {
  return new PoolScaler(policy).decide(
    {
      waitingRequests: 2,
      waitingStepUnits,
      nodes: nodes.map((changes, index) => ({
        ...createHeartbeat(`http://${index}`, changes),
        heardAt: 0,
      })),
    },
    0,
  );
}

describe("the pool's scaler", () => {
  it("goes by what nodes measured of their work, not by full passes", ({ expect }) => {
    const work = { running_step_units: 1_000, queued_step_units: 200 };
    // A pass of 8 rows in 10 ms would be 800 a second.
    const node = { ...work, max_batch_rows: 8, step_ms: 10, step_units_per_second: 100 };
    expect(decide([node, { step_units_per_second: 50 }]).desired_nodes).toBe(2);
    expect(decide([{ ...node, step_units_per_second: 20 }]).desired_nodes).toBe(6);
  });

  it("leaves out of the rate who has measured none, and assumes one where nobody has", ({
    expect,
  }) => {
    expect(decide([{ step_units_per_second: 20 }, {}], 1_000).desired_nodes).toBe(5);
    expect(decide([{}, {}], 1_000).desired_nodes).toBe(2);
    expect(decide([], 1_000).desired_nodes).toBe(2);
  });

  it("says what it went by", ({ expect }) => {
    const answer = decide(
      [
        { running_step_units: 3, queued_step_units: 4 },
        { running_step_units: 30, queued_step_units: 40, is_draining: true },
      ],
      500,
    );
    expect(answer).toMatchObject({
      ready_nodes: 1,
      draining_nodes: 1,
      waiting_requests: 2,
      backlog_step_units: 544,
      running_step_units: 33,
    });
  });
});
