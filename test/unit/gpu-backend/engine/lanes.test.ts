import { describe, it } from "vitest";
import { isReachable, Lanes } from "../../../../gpu-backend/engine/lanes.ts";

describe("Lanes", () => {
  it("gives few generations the whole machine, one pass at a time", ({ expect }) => {
    const lanes = new Lanes(2);
    expect(lanes.free(1)).toEqual([0]);
    expect(lanes.countFor(1)).toBe(1);
    lanes.enter(0);
    expect(lanes.free(1)).toEqual([]);
  });

  it("gives many a core each", ({ expect }) => {
    const lanes = new Lanes(2);
    expect(lanes.free(2)).toEqual([1, 2]);
    expect(lanes.countFor(2)).toBe(2);
    lanes.enter(1);
    expect(lanes.free(9)).toEqual([2]);
    lanes.leave(1);
    expect(lanes.free(9)).toEqual([1, 2]);
  });

  it("never runs a pass on every core beside another", ({ expect }) => {
    const lanes = new Lanes(2);
    lanes.enter(0);
    expect(lanes.free(2)).toEqual([]);
    lanes.leave(0);
    lanes.enter(2);
    expect(lanes.free(1)).toEqual([]);
    expect(lanes.busyCount).toBe(1);
  });

  it("has the whole machine alone where there are no others", ({ expect }) => {
    expect(new Lanes(0).free(100)).toEqual([0]);
  });
});

describe("isReachable", () => {
  it("keeps a context to its core, and follows a change of the load", ({ expect }) => {
    expect(isReachable(1, 1)).toBe(true);
    expect(isReachable(1, 2)).toBe(false);
    expect(isReachable(null, 2)).toBe(true);
    expect(isReachable(0, 2)).toBe(true);
    expect(isReachable(2, 0)).toBe(true);
  });
});
