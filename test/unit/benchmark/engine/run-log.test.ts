import { describe, it } from "vitest";
import { RunLog } from "../../../benchmark/engine/run-log.ts";
import { outsideShare, steadySteps } from "../../../benchmark/engine/step-times.ts";

describe("the log of runs", () => {
  it("keeps what ran, when, in order of the ends, and passes results and errors on", async ({
    expect,
  }) => {
    const log = RunLog.open();
    log.clear();
    const late = Promise.withResolvers<string>();
    const slow = log.time({ rows: 8, length: 192 }, () => late.promise);
    await expect(
      log.time({ rows: 1, length: 32 }, () => Promise.reject(new Error("broken"))),
    ).rejects.toThrow("broken");
    late.resolve("answer");
    expect(await slow).toBe("answer");
    const [first, second] = log.read();
    expect(first).toMatchObject({ rows: 1, length: 32 });
    expect(second).toMatchObject({ rows: 8, length: 192 });
    expect(second?.startedAt).toBeLessThanOrEqual(first?.startedAt ?? 0);
    expect(log.count).toBe(2);
    log.clear();
    expect(() => log.read()).toThrow(RangeError);
  });
});

describe("steady steps", () => {
  const record = (thread: number, rows: number, startedAt: number, endedAt: number) => ({
    thread,
    rows,
    length: 32,
    startedAt,
    endedAt,
  });

  it("are runs after one of their shape in their thread, with the time between", ({ expect }) => {
    const steps = steadySteps(
      [record(1, 8, 0, 9), record(2, 8, 1, 11), record(1, 8, 10, 19), record(1, 4, 21, 30)],
      () => true,
    );
    expect(steps).toEqual([{ rows: 8, length: 32, runMs: 9, outsideMs: 1 }]);
    expect(outsideShare(steps)).toBeCloseTo(0.1, 12);
  });
});
