import { afterAll, describe, it } from "vitest";
import { createFakeMaskPredictor } from "../../../support/fake-mask-predictor.ts";
import { holdPredictor } from "../engine/engine-bench.ts";
import {
  collect,
  postGeneration,
  readFrames,
  requestBody,
  startTestNode,
  type TestNode,
} from "./test-node.ts";

const nodes: TestNode[] = [];
afterAll(async () => void (await Promise.all(nodes.map((node) => node.close()))));

/** The samples by name and labels, as they stand in the text. */
async function readMetrics(node: TestNode): Promise<Map<string, number>> {
  const response = await fetch(`${node.url}/metrics`);
  if (!response.headers.get("content-type")?.startsWith("text/plain; version=0.0.4")) {
    throw new Error("not Prometheus' text");
  }
  const samples = (await response.text()).split("\n").filter((line) => /^[a-z]/.test(line));
  return new Map(
    samples.map((line) => {
      const end = line.lastIndexOf(" ");
      return [line.slice(0, end), Number(line.slice(end + 1))] as const;
    }),
  );
}

describe("GET /metrics", () => {
  it("counts just what a known run takes", async ({ expect }) => {
    const node = await startTestNode();
    nodes.push(node);
    expect((await readMetrics(node)).get("unmask_forward_passes_total")).toBe(0);
    // Five letters and eight masks in a bucket of 16, four passes.
    await collect(readFrames(await postGeneration(node, requestBody("a"))));
    const body = { ...requestBody("b", { cfg_scale: 1 }), tier: "max" };
    await collect(readFrames(await postGeneration(node, body)));
    const metrics = await readMetrics(node);
    expect(Object.fromEntries(metrics)).toMatchObject({
      unmask_forward_passes_total: 8,
      unmask_rows_total: 12,
      unmask_positions_computed_total: 12 * 16,
      unmask_positions_needed_total: 12 * 13,
      unmask_batch_rows_count: 8,
      'unmask_batch_rows_bucket{le="1"}': 4,
      'unmask_batch_rows_bucket{le="2"}': 8,
      'unmask_padding_share_bucket{le="0.1"}': 0,
      'unmask_padding_share_bucket{le="0.2"}': 8,
      'unmask_pass_seconds_count{fed="whole",columns="16"}': 8,
      'unmask_wait_seconds_count{tier="balanced"}': 1,
      'unmask_wait_seconds_count{tier="max"}': 1,
      'unmask_generations_total{tier="balanced",outcome="completed"}': 1,
      'unmask_generations_total{tier="max",outcome="completed"}': 1,
      'unmask_steps_total{tier="balanced"}': 4,
      'unmask_queue_length{tier="balanced"}': 0,
      'unmask_running{tier="balanced"}': 0,
    });
    expect(metrics.has('unmask_deadline_misses_total{tier="balanced"}')).toBe(false);
  });

  it("tells who waits and who runs, by tier", async ({ expect }) => {
    const predictor = holdPredictor(createFakeMaskPredictor());
    const node = await startTestNode({ predictor, maxBatchRows: 1 });
    nodes.push(node);
    const first = await postGeneration(node, { ...requestBody("a"), tier: "fast" });
    await predictor.underWay();
    const second = await postGeneration(node, { ...requestBody("b"), tier: "draft" });
    expect(Object.fromEntries(await readMetrics(node))).toMatchObject({
      'unmask_running{tier="fast"}': 1,
      'unmask_queue_length{tier="fast"}': 0,
      'unmask_queue_length{tier="draft"}': 1,
      'unmask_queue_length{tier="max"}': 0,
    });
    node.engine.cancelAll();
    predictor.release();
    await Promise.all([first, second].map((answer) => collect(readFrames(answer))));
    const metrics = await readMetrics(node);
    expect(metrics.get('unmask_generations_total{tier="draft",outcome="cancelled"}')).toBe(1);
    // It was never begun.
    expect(metrics.has('unmask_wait_seconds_count{tier="draft"}')).toBe(false);
  });
});
