import { describe, it } from "vitest";
import { PoolMembers } from "../../../../edge/pool/pool-members.ts";
import { NODE_HEARTBEAT_INTERVAL_MS } from "../../../../shared/contracts/pool.ts";
import { createHeartbeat } from "./scripted-pool.ts";

const urls = (members: PoolMembers, nowMs: number) =>
  members.listNodes(nowMs).map(({ url }) => url);

describe("members of the pool", () => {
  it("are there until they miss three heartbeats, and are welcome again", ({ expect }) => {
    const members = new PoolMembers();
    members.hear(createHeartbeat("http://a"), 0);
    expect(urls(members, 3 * NODE_HEARTBEAT_INTERVAL_MS)).toEqual(["http://a"]);
    expect(urls(members, 4 * NODE_HEARTBEAT_INTERVAL_MS)).toEqual([]);
    members.hear(createHeartbeat("http://a", { sent_at: 5 }), 9_000);
    expect(urls(members, 9_001)).toEqual(["http://a"]);
  });

  it("are what they said last, by their own clocks", ({ expect }) => {
    const members = new PoolMembers();
    members.hear(createHeartbeat("http://a", { sent_at: 2, is_draining: true }), 0);
    expect(members.hear(createHeartbeat("http://a", { sent_at: 1 }), 1)).toBe(false);
    expect(members.listNodes(2)).toMatchObject([{ is_draining: true, heardAt: 0 }]);
    expect(members.hear(createHeartbeat("http://a", { sent_at: 3 }), 2)).toBe(true);
    expect(members.listNodes(2)).toMatchObject([{ is_draining: false, heardAt: 2 }]);
  });

  it("whose clock was set back are heard again once they are gone", ({ expect }) => {
    const members = new PoolMembers();
    members.hear(createHeartbeat("http://a", { sent_at: 90_000 }), 0);
    expect(members.hear(createHeartbeat("http://a", { sent_at: 5 }), 100)).toBe(false);
    expect(members.hear(createHeartbeat("http://a", { sent_at: 10_000 }), 10_000)).toBe(true);
  });

  it("are one where one was started again under another name", ({ expect }) => {
    const members = new PoolMembers();
    members.hear(createHeartbeat("http://a", { node_id: "host-1" }), 0);
    members.hear(createHeartbeat("http://a", { node_id: "host-2" }), 1);
    expect(members.listNodes(2)).toMatchObject([{ node_id: "host-2" }]);
  });
});

describe("a node that requests wait for", () => {
  const wait = (members: PoolMembers, nowMs: number) =>
    members.wait({ requestId: "gen_1", stepUnits: 1 }, nowMs);

  it("is expected after as long as the last one took", ({ expect }) => {
    const members = new PoolMembers();
    for (let nowMs = 0; nowMs <= 60_000; nowMs += 1_000) {
      wait(members, nowMs);
      expect(members.expectNode(nowMs)).toBeNull();
    }
    members.hear(createHeartbeat("http://a"), 60_500);
    expect(members.expectNode(60_500)).toBeNull();
    wait(members, 100_000);
    expect(members.expectNode(100_000)).toBe(60_500);
    wait(members, 102_500);
    expect(members.expectNode(102_500)).toBe(58_000);
    // One that drains is none; and this time it takes longer.
    members.hear(createHeartbeat("http://a", { sent_at: 1, is_draining: true }), 103_000);
    expect(members.expectNode(103_000)).toBe(57_500);
    expect(members.expectNode(160_500)).toBeNull();
  });

  it("is not the one that came when nobody waited any more, nor counted from who gave up", ({
    expect,
  }) => {
    const members = new PoolMembers();
    wait(members, 0);
    members.hear(createHeartbeat("http://a"), 500_000);
    wait(members, 600_000);
    expect(members.expectNode(600_000)).toBeNull();
    wait(members, 700_000);
    members.hear(createHeartbeat("http://a", { sent_at: 1 }), 702_000);
    wait(members, 800_000);
    expect(members.expectNode(800_000)).toBe(2_000);
  });
});

describe("requests that wait", () => {
  it("count while they say so, each once", ({ expect }) => {
    const members = new PoolMembers();
    for (const nowMs of [0, 500]) members.wait({ requestId: "gen_1", stepUnits: 30 }, nowMs);
    members.wait({ requestId: "gen_2", stepUnits: 12 }, 500);
    expect(members.readLoad(1_000)).toMatchObject({ waitingRequests: 2, waitingStepUnits: 42 });
    members.wait({ requestId: "gen_2", stepUnits: 12 }, 3_000);
    expect(members.readLoad(3_600)).toMatchObject({ waitingRequests: 1, waitingStepUnits: 12 });
    expect(members.readLoad(9_000)).toMatchObject({ waitingRequests: 0, waitingStepUnits: 0 });
  });
});
