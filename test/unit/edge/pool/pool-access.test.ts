import { describe, it } from "vitest";
import { PoolMemory } from "../../../../edge/pool/pool-access.ts";
import { createHeartbeat, createScriptedPool } from "./scripted-pool.ts";

function createMemory() {
  const clock = { nowMs: 10_000 };
  const now = () => clock.nowMs;
  const pool = createScriptedPool(["http://a"], now);
  const memory = new PoolMemory(now);
  const urls = async () => (await memory.read(pool)).nodes.map(({ url }) => url);
  return { clock, pool, memory, urls };
}

describe("what an isolate knows of the pool", () => {
  it("is read once while it is fresh", async ({ expect }) => {
    const { pool, clock, urls } = createMemory();
    for (let i = 0; i < 5; i++) await urls();
    clock.nowMs += 499;
    expect(await urls()).toEqual(["http://a"]);
    expect(pool.readCount).toBe(1);
  });

  it("is read anew by one request, which waits no more than the others do", async ({ expect }) => {
    const { pool, clock, urls } = createMemory();
    await urls();
    clock.nowMs += 500;
    pool.members.hear(createHeartbeat("http://b"), clock.nowMs);
    const all = await Promise.all([urls(), urls(), urls(), urls()]);
    expect(all).toEqual(Array(4).fill(["http://a"]));
    expect(pool.leftOver).toHaveLength(1);
    await Promise.all(pool.leftOver);
    expect(await urls()).toEqual(["http://a", "http://b"]);
    expect(pool.readCount).toBe(2);
  });

  it("is never older than a second", async ({ expect }) => {
    const { pool, clock, urls } = createMemory();
    await urls();
    clock.nowMs += 1_000;
    pool.members.hear(createHeartbeat("http://b"), clock.nowMs);
    expect(await urls()).toEqual(["http://a", "http://b"]);
  });

  it("stands in for an object that does not answer, for a while", async ({ expect }) => {
    const { pool, clock, urls } = createMemory();
    await urls();
    pool.failure = new Error("the object is gone");
    clock.nowMs += 14_000;
    expect(await urls()).toEqual(["http://a"]);
    clock.nowMs += 1_000;
    await expect(urls()).rejects.toThrow("the object is gone");
    pool.failure = null;
    expect(await urls()).toEqual([]);
  });

  it("is refreshed by a request that waits", async ({ expect }) => {
    const { pool, clock, memory, urls } = createMemory();
    await urls();
    pool.members.hear(createHeartbeat("http://b"), clock.nowMs);
    await memory.wait(pool, { requestId: "gen_1", stepUnits: 7 });
    expect(await urls()).toEqual(["http://a", "http://b"]);
    expect(pool.waiting).toEqual([{ requestId: "gen_1", stepUnits: 7 }]);
  });
});
