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

/** A node whose passes of 250 columns take so long. */
function measured(stepMs: number): Partial<NodeHeartbeat> {
  return { step_ms: stepMs, step_times: [{ shape: "250/whole", step_ms: stepMs }] };
}

function load(url: string, changes: Partial<NodeHeartbeat> = {}, unseen = 0): NodeLoad {
  return {
    node: { ...createHeartbeat(url, { ...measured(40), ...changes }), heardAt: 0 },
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

  it("takes of four that it draws the one that is done first, whichever is drawn first", ({
    expect,
  }) => {
    const nodes = ["a", "b", "c", "d", "e"].map((url) => load(url, url === "e" ? {} : busy));
    // "e", the idle one, is drawn first, left out, or drawn last.
    expect(choose(nodes, draws(0.9, 0, 0, 0))).toBe("e");
    expect(choose(nodes, draws(0.1, 0.3, 0.5, 0.9))).toBe("a");
    expect(choose(nodes, draws(0, 0.3, 0.4, 0))).toBe("e");
  });

  it("takes the first drawn of equal nodes, so that it spreads", ({ expect }) => {
    const nodes = ["a", "b", "c", "d", "e"].map((url) => load(url));
    const chosen = [0, 0.3, 0.5, 0.7, 0.9].map((number) => choose(nodes, draws(number)));
    expect(chosen).toEqual(["a", "b", "c", "d", "e"]);
  });

  it("draws no more than four of many, each once", ({ expect }) => {
    let drawCount = 0;
    const nodes = Array.from({ length: 50 }, (_, i) => load(`${i}`));
    choose(nodes, () => {
      drawCount += 1;
      return 0;
    });
    expect(drawCount).toBe(4);
  });

  it("avoids a full node and a late one while there are others", ({ expect }) => {
    const full = load("full", { ...measured(1), max_batch_rows: 1, max_queue: 0 }, 1);
    const late = { ...load("late"), node: { ...load("late").node, heardAt: -3_000 } };
    const slow = load("slow", busy);
    expect(choose([full, late, slow], draws(0, 0))).toBe("slow");
    expect(choose([full], draws(0))).toBe("full");
    expect(choose([late], draws(0))).toBe("late");
  });

  it("takes a node that has measured nothing to be as fast as the others", ({ expect }) => {
    const nothing = { step_ms: 0, step_times: [] };
    expect(choose([load("fresh", nothing, 20), load("known")], draws(0, 0))).toBe("known");
    expect(choose([load("new", nothing), load("known", busy)], draws(0.9, 0))).toBe("new");
  });
});

describe("the predicted completion", () => {
  const predict = (candidate: NodeLoad, asked = demand) => predictCompletion(candidate, asked, 0.1);

  it("of an idle node is its steps", ({ expect }) => {
    expect(predict(load("a"))).toBeCloseTo(32 * 40);
    expect(predict(load("a", { step_ms: 0, step_times: [] }))).toBeCloseTo(32 * 25);
  });

  it("never falls as requests come, also those that no heartbeat has counted", ({ expect }) => {
    const times = Array.from({ length: 30 }, (_, count) =>
      predict(load("a", { step_times: [{ shape: "250/32", step_ms: 5 }] }, count)),
    );
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(times[20]).toBeCloseTo(21 * (times[0] ?? 0));
  });

  it("takes turns with what is there: as many steps of each, or what it has left", ({ expect }) => {
    const elsewhere = { step_times: [{ shape: "500/whole", step_ms: 80 }] };
    const withShort = load("a", { ...elsewhere, running_count: 4, running_step_units: 40 });
    expect(predict(withShort)).toBeCloseTo((32 + 40) * 40);
    const withLong = load("a", { ...elsewhere, running_count: 4, running_step_units: 4_000 });
    expect(predict(withLong)).toBeCloseTo((32 + 4 * 32) * 40);
  });

  it("goes by columns: a shape that a node has not served yet is compared fairly", ({ expect }) => {
    const short = load("a", { step_times: [{ shape: "125/whole", step_ms: 20 }] });
    const long = load("b", { step_times: [{ shape: "1000/whole", step_ms: 160 }] });
    expect(predict(short)).toBeCloseTo(predict(long));
    const spans = load("c", { step_times: [{ shape: "1000/32", step_ms: 8 }] });
    expect(predict(spans, { ...demand, blockLength: 32 })).toBeCloseTo(32 * 8);
  });

  it("is less where a pass of the shape runs anyhow, blocks and whole canvases apart", ({
    expect,
  }) => {
    const at = (shape: string, stepMs: number) =>
      predict(load("a", { running_count: 2, step_times: [{ shape, step_ms: stepMs }] }));
    expect(at("256/whole", 256)).toBeLessThan(at("512/whole", 512));
    expect(at("256/32", 32)).toBeCloseTo(at("512/whole", 512));
  });
});
