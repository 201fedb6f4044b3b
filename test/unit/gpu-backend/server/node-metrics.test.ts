import { describe, it } from "vitest";
import { NodeMetrics } from "../../../../gpu-backend/server/metrics.ts";

const usage = {
  promptTokens: 1,
  completionTokens: 1,
  steps: 5,
  hastenedSteps: 2,
  stepsSaved: 3,
  forwardPasses: 5,
  positionsComputed: 10,
  stepUnits: 5,
};

describe("NodeMetrics", () => {
  it("counts saved and hastened steps and missed deadlines by tier", async ({ expect }) => {
    const metrics = new NodeMetrics();
    metrics.jobEnded({ tier: "draft", outcome: "completed", usage, isLate: true });
    metrics.jobEnded({ tier: "draft", outcome: "completed", usage, isLate: false });
    const lines = (await metrics.read()).split("\n");
    expect(lines).toContain('unmask_steps_saved_total{tier="draft"} 6');
    expect(lines).toContain('unmask_hastened_steps_total{tier="draft"} 4');
    expect(lines).toContain('unmask_deadline_misses_total{tier="draft"} 1');
  });

  it("has few labels for spans of many lengths", async ({ expect }) => {
    const metrics = new NodeMetrics();
    for (let fedLength = 1; fedLength <= 64; fedLength += 1) {
      const shape = { length: 96, fedLength, key: `96/${fedLength}` };
      metrics.passEnded({
        shape,
        rowCount: 1,
        neededColumns: fedLength,
        recomputedColumns: fedLength === 64 ? 96 : 0,
        elapsedMs: 1,
      });
    }
    const text = await metrics.read();
    expect(text).toMatch(/^unmask_positions_recomputed_total 96$/m);
    const counts = text.split("\n").filter((line) => line.startsWith("unmask_pass_seconds_count"));
    expect(counts).toEqual([
      'unmask_pass_seconds_count{fed="span",columns="32"} 32',
      'unmask_pass_seconds_count{fed="span",columns="64"} 32',
    ]);
  });

  it("tells of the process where it is asked to", async ({ expect }) => {
    const metrics = new NodeMetrics();
    metrics.countProcess();
    expect(await metrics.read()).toMatch(/^process_resident_memory_bytes \d+$/m);
  });
});
