import fc from "fast-check";
import { describe, it } from "vitest";
import { chooseNode } from "../../../../edge/pool/choose-node.ts";
import {
  type NodeLoad,
  predictCompletion,
  type RunDemand,
} from "../../../../edge/pool/predict-completion.ts";
import type { NodeHeartbeat } from "../../../../shared/contracts/pool.ts";
import { createHeartbeat } from "./scripted-pool.ts";

const demand: RunDemand = { positions: 250, blockLength: null, steps: 32 };

function load(url: string, changes: Partial<NodeHeartbeat> = {}, unseen = 0): NodeLoad {
  return {
    node: { ...createHeartbeat(url, { step_ms: 40, ...changes }), heardAt: 0 },
    unseenCount: unseen,
    unseenStepUnits: unseen * 32,
  };
}

/** Draws each number in turn. */
function draws(...numbers: number[]): () => number {
  return () => numbers.shift() ?? 0;
}

function choose(candidates: readonly NodeLoad[], random: () => number, excluded: string[] = []) {
  const excludedUrls = new Set(excluded);
  return chooseNode(candidates, { demand, excludedUrls, nowMs: 0, random })?.node.url ?? null;
}

const busy = {
  running_count: 8,
  running_step_units: 128,
  waiting_count: 4,
  queued_step_units: 128,
};

describe("choosing a node", () => {
  it("takes none that is excluded, and one of the others where there is any", ({ expect }) => {
    const urls = fc.uniqueArray(fc.webUrl(), { maxLength: 6 });
    const unit = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(urls, fc.nat(6), unit, unit, (all, count, one, other) => {
        const left = all.slice(count);
        const nodes = all.map((url) => load(url));
        const chosen = choose(nodes, draws(one, other), all.slice(0, count));
        if (left.length === 0) expect(chosen).toBeNull();
        else expect(left).toContain(chosen);
      }),
    );
  });

  it("takes of two that it draws the one that is done first, whichever is drawn first", ({
    expect,
  }) => {
    const nodes = [load("a", busy), load("b"), load("c", busy)];
    expect(choose(nodes, draws(0, 0))).toBe("b");
    expect(choose(nodes, draws(0.4, 0))).toBe("b");
    // The two that are busy: the idle one was not drawn.
    expect(choose(nodes, draws(0, 0.9))).toBe("a");
  });

  it("spreads over equal nodes", ({ expect }) => {
    const nodes = ["a", "b", "c", "d"].map((url) => load(url));
    const chosen = [0, 0.3, 0.6, 0.9].map((number) => choose(nodes, draws(number, 0)));
    expect(chosen).toEqual(["a", "b", "c", "d"]);
  });

  it("avoids a full node and a late one while there are others", ({ expect }) => {
    const full = load("full", { step_ms: 1, max_batch_rows: 1, max_queue: 0 }, 1);
    const late = { ...load("late"), node: { ...load("late").node, heardAt: -3_000 } };
    const slow = load("slow", busy);
    expect(choose([full, late, slow], draws(0, 0))).toBe("slow");
    expect(choose([full], draws(0))).toBe("full");
    expect(choose([late], draws(0))).toBe("late");
  });

  it("takes a node that has measured nothing to be as fast as the other", ({ expect }) => {
    const fresh = load("fresh", { step_ms: 0 }, 20);
    expect(choose([fresh, load("known")], draws(0, 0))).toBe("known");
    expect(choose([load("new", { step_ms: 0 }), load("known", busy)], draws(0.9, 0))).toBe("new");
  });
});

describe("the predicted completion", () => {
  const predict = (candidate: NodeLoad, asked = demand) => predictCompletion(candidate, asked, 10);

  it("of an idle node is its steps", ({ expect }) => {
    expect(predict(load("a"))).toBe(32 * 40);
    expect(predict(load("a", { step_ms: 0 }))).toBe(32 * 10);
  });

  it("never falls as requests come, also those that no heartbeat has counted", ({ expect }) => {
    const times = Array.from({ length: 30 }, (_, count) => predict(load("a", {}, count)));
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(times[20]).toBeGreaterThan(3 * (times[0] ?? 0));
  });

  it("waits behind a full pass for as many as must end first", ({ expect }) => {
    const full = load("a", { running_count: 8, running_step_units: 160 });
    // One of eight that need 20 steps each ends after an eighth of that.
    expect(predict(full)).toBeCloseTo((20 * 40) / 8 + 2 * 32 * 40);
  });

  it("goes by the measured shape that is nearest, blocks and whole canvases apart", ({
    expect,
  }) => {
    const stepTimes = [
      { shape: "128/whole", step_ms: 20 },
      { shape: "256/whole", step_ms: 50 },
      { shape: "256/32", step_ms: 5 },
    ];
    const node = load("a", { step_times: stepTimes });
    expect(predict(node)).toBe(32 * 50);
    expect(predict(node, { ...demand, positions: 100 })).toBe(32 * 20);
    expect(predict(node, { ...demand, blockLength: 32 })).toBe(32 * 5);
  });

  it("is less where a pass of the shape runs anyhow", ({ expect }) => {
    const at = (shape: string) =>
      predict(load("a", { running_count: 2, step_times: [{ shape, step_ms: 40 }] }));
    expect(at("256/whole")).toBeLessThan(at("512/whole"));
  });
});
