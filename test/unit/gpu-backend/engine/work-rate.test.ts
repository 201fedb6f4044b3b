import { describe, it } from "vitest";
import { WorkRate } from "../../../../gpu-backend/engine/work-rate.ts";

describe("the rate of work", () => {
  it("is zero before the first pass", ({ expect }) => {
    const rate = new WorkRate();
    rate.begin(1_000);
    expect(rate.perSecond).toBe(0);
  });

  it("counts what is done between passes, and no idle time", ({ expect }) => {
    const rate = new WorkRate();
    rate.begin(1_000);
    // Ten units every 100 ms, whatever of that the pass itself took.
    for (let pass = 1; pass <= 10; pass += 1) rate.add(10, 1_000 + 100 * pass);
    expect(rate.perSecond).toBeCloseTo(100, 9);
    rate.begin(900_000);
    rate.add(10, 900_100);
    expect(rate.perSecond).toBeCloseTo(100, 9);
  });

  it("adds up what lanes execute at once", ({ expect }) => {
    const rate = new WorkRate();
    rate.begin(0);
    for (let at = 50; at <= 2_000; at += 50) rate.add(4, at);
    expect(rate.perSecond).toBeCloseTo(80, 9);
  });

  it("follows a change within some seconds of work", ({ expect }) => {
    const rate = new WorkRate();
    rate.begin(0);
    for (let at = 100; at <= 20_000; at += 100) rate.add(10, at);
    for (let at = 20_100; at <= 40_000; at += 100) rate.add(20, at);
    expect(rate.perSecond).toBeGreaterThan(190);
    expect(rate.perSecond).toBeLessThanOrEqual(200);
  });

  it("survives a clock that stands or goes back", ({ expect }) => {
    const rate = new WorkRate();
    rate.begin(1_000);
    rate.add(5, 900);
    rate.add(5, 1_000);
    expect(Number.isFinite(rate.perSecond)).toBe(true);
  });
});
