import { describe, it } from "vitest";
import { createNodeDrain } from "../../../../gpu-backend/server/node-drain.ts";

/** A drain over an engine and timers that tests end. */
function createDrain() {
  const drained = Promise.withResolvers<void>();
  const happened: string[] = [];
  const timers: { readonly durationMs: number; readonly ring: () => void }[] = [];
  const drain = createNodeDrain({
    engine: {
      drain() {
        happened.push("drain");
        return drained.promise;
      },
      handBackAll: () => void happened.push("hand back"),
    },
    drainMs: 5_000,
    sleep: (durationMs) => new Promise<void>((ring) => void timers.push({ durationMs, ring })),
  });
  return { drain, drained, happened, timers };
}

describe("a node's drain", () => {
  it("ends when nothing is left, before its time", async ({ expect }) => {
    const { drain, drained, timers } = createDrain();
    const ended = drain();
    expect(timers.map(({ durationMs }) => durationMs)).toEqual([5_000]);
    drained.resolve();
    await ended;
  });

  it("hands back what is left when its time is over, and waits no longer for that than a pass", async ({
    expect,
  }) => {
    const { drain, happened, timers } = createDrain();
    const ended = drain();
    expect(happened).toEqual(["drain"]);
    timers[0]?.ring();
    await Promise.resolve();
    await Promise.resolve();
    await Promise.resolve();
    expect(happened).toEqual(["drain", "hand back"]);
    expect(timers[1]?.durationMs).toBe(1_000);
    timers[1]?.ring();
    await ended;
  });

  it("is one, however often it is ordered: a signal behind an order gives no second time", async ({
    expect,
  }) => {
    const { drain, drained, happened, timers } = createDrain();
    const both = [drain(), drain()];
    expect(timers).toHaveLength(1);
    drained.resolve();
    await Promise.all(both);
    await drain();
    expect(happened.filter((what) => what === "drain")).toHaveLength(1);
  });
});
