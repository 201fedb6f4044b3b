import fc from "fast-check";
import { beforeEach, describe, it } from "vitest";
import { RateLimits } from "../../../../edge/accounts/rate-limits.ts";
import { openSql } from "./open-sql.ts";

const MINUTE_MS = 60_000;
let limits: RateLimits;
beforeEach(() => {
  limits = new RateLimits(openSql());
});

describe("a minute's limit", () => {
  it("is there at once, and comes back evenly", ({ expect }) => {
    for (let i = 0; i < 60; i++) limits.take("requests", 60, 1, 0);
    expect(limits.read("requests", 60, 0)).toEqual({ limit: 60, remaining: 0, resetMs: MINUTE_MS });
    expect(limits.waitFor("requests", 60, 1, 0)).toBe(1_000);
    expect(limits.waitFor("requests", 60, 1, 400)).toBe(600);
    expect(limits.read("requests", 60, 30_000)).toMatchObject({ remaining: 30, resetMs: 30_000 });
    expect(limits.read("requests", 60, MINUTE_MS * 5).remaining).toBe(60);
  });

  it("takes back what was not used, never more than a minute's worth", ({ expect }) => {
    limits.take("steps", 100, 80, 0);
    limits.take("steps", 100, -50, 0);
    expect(limits.read("steps", 100, 0).remaining).toBe(70);
    limits.take("steps", 100, -90, 0);
    expect(limits.read("steps", 100, 0).remaining).toBe(100);
  });

  it("is not refilled by a clock that goes back", ({ expect }) => {
    limits.take("requests", 10, 10, 100_000);
    expect(limits.read("requests", 10, 0).remaining).toBe(0);
  });

  it("is kept in the rows alone: another reader finds it, and what is undone was not taken", ({
    expect,
  }) => {
    const sql = openSql();
    const subject = new RateLimits(sql);
    subject.take("requests", 10, 4, 0);
    expect(new RateLimits(sql).read("requests", 10, 0).remaining).toBe(6);
    expect(() =>
      sql.transact(() => {
        subject.take("requests", 10, 6, 0);
        throw new Error("undone");
      }),
    ).toThrow("undone");
    subject.forget();
    expect(subject.read("requests", 10, 0).remaining).toBe(6);
  });

  it("lets pass what it said would pass, and no more than two minutes' worth in one", ({
    expect,
  }) => {
    const waits = fc.array(fc.integer({ min: 0, max: 3_000 }), { maxLength: 200 });
    fc.assert(
      fc.property(waits, fc.integer({ min: 1, max: 200 }), (steps, limit) => {
        const subject = new RateLimits(openSql());
        const passedAt: number[] = [];
        let nowMs = 0;
        for (const step of steps) {
          nowMs += step;
          const waitMs = subject.waitFor("requests", limit, 1, nowMs);
          expect(waitMs).toBeLessThanOrEqual(MINUTE_MS);
          nowMs += waitMs;
          expect(subject.waitFor("requests", limit, 1, nowMs)).toBe(0);
          subject.take("requests", limit, 1, nowMs);
          passedAt.push(nowMs);
          const recent = passedAt.filter((at) => at > nowMs - MINUTE_MS);
          expect(recent.length).toBeLessThanOrEqual(2 * limit);
        }
      }),
      { numRuns: 30 },
    );
  });
});
