import fc from "fast-check";
import { describe, it } from "vitest";
import { EventQueue } from "../../simulation/event-queue.ts";
import { ReplicaCount } from "../../simulation/replica-count.ts";

describe("the queue of events", () => {
  it("has everything happen once, by time and then by plan; its clock never falls", ({
    expect,
  }) => {
    fc.assert(
      fc.property(fc.array(fc.nat(20), { maxLength: 200 }), (times) => {
        const events = new EventQueue();
        const happened: (readonly [number, number])[] = [];
        let clock = 0;
        for (const [i, at] of times.entries()) {
          events.plan(at, () => {
            expect(events.nowMs).toBe(at);
            expect(events.nowMs).toBeGreaterThanOrEqual(clock);
            clock = events.nowMs;
            happened.push([at, i]);
          });
        }
        while (events.step());
        const planned = times.map((at, i) => [at, i] as const);
        expect(happened).toEqual(planned.toSorted(([a, i], [b, j]) => a - b || i - j));
      }),
    );
  });

  it("refuses what has passed", ({ expect }) => {
    const events = new EventQueue();
    events.plan(5, () => undefined);
    events.step();
    expect(() => events.plan(4, () => undefined)).toThrow(RangeError);
  });
});

describe("replicas", () => {
  it("rise by eight in 15 seconds, fall by one a minute, and to zero after five", ({ expect }) => {
    const replicas = new ReplicaCount();
    expect(replicas.follow(20, 0, 0)).toBe(8);
    expect(replicas.follow(20, 8, 5_000)).toBe(8);
    expect(replicas.follow(20, 8, 15_000)).toBe(16);
    expect(replicas.follow(14, 16, 20_000)).toBe(16);
    expect(replicas.follow(14, 16, 80_000)).toBe(15);
    expect(replicas.follow(14, 15, 85_000)).toBe(15);
    expect(replicas.follow(0, 1, 200_000)).toBe(1);
    expect(replicas.follow(0, 1, 390_000)).toBe(0);
  });
});
