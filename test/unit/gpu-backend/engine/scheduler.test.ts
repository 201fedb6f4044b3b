import fc from "fast-check";
import { describe, it } from "vitest";
import { Scheduler } from "../../../../gpu-backend/engine/scheduler.ts";

interface Item {
  readonly name: number;
  readonly passKey: string;
  readonly rowCount: number;
  hasStarted: boolean;
  remainingSteps: number;
}

const buckets = fc.constantFrom<string>("32", "64", "96");
const shape = fc.record({
  passKey: buckets,
  rowCount: fc.constantFrom<number>(1, 2),
  remainingSteps: fc.integer({ min: 1, max: 6 }),
});
type Shape = typeof shape extends fc.Arbitrary<infer Value> ? Value : never;

function items(shapes: readonly Shape[]): Item[] {
  return shapes.map((each, name) => ({ ...each, name, hasStarted: false }));
}

function schedulerWith(waiting: readonly Item[], maxBatchRows: number): Scheduler<Item> {
  const scheduler = new Scheduler<Item>({ maxBatchRows, maxQueue: 1_000 });
  for (const item of waiting) scheduler.admit(item);
  return scheduler;
}

/** Runs one pass as the engine would. */
function run(scheduler: Scheduler<Item>): Item[] {
  const scheduled = scheduler.schedule();
  for (const item of scheduled) {
    item.hasStarted = true;
    item.remainingSteps -= 1;
    if (item.remainingSteps === 0) scheduler.remove(item);
  }
  return scheduled;
}

describe("Scheduler.schedule", () => {
  it("fills one shape, oldest first, within the rows", ({ expect }) => {
    fc.assert(
      fc.property(
        fc.array(shape, { minLength: 1 }),
        fc.integer({ min: 2, max: 6 }),
        (all, rows) => {
          const scheduled = schedulerWith(items(all), rows).schedule();
          expect(scheduled.length).toBeGreaterThan(0);
          expect(new Set(scheduled.map((item) => item.passKey)).size).toBe(1);
          expect(scheduled.reduce((sum, item) => sum + item.rowCount, 0)).toBeLessThanOrEqual(rows);
          const sameBucket = items(all).filter((item) => item.passKey === scheduled[0]?.passKey);
          expect(scheduled[0]?.name).toBe(sameBucket[0]?.name);
          const names = scheduled.map((item) => item.name);
          expect(names).toEqual([...names].sort((a, b) => a - b));
        },
      ),
    );
  });

  it("leaves no row free that an older generation of the bucket could take", ({ expect }) => {
    const three = items([
      { passKey: "32", rowCount: 1, remainingSteps: 1 },
      { passKey: "32", rowCount: 2, remainingSteps: 1 },
      { passKey: "32", rowCount: 1, remainingSteps: 1 },
    ]);
    expect(
      schedulerWith(three, 2)
        .schedule()
        .map((item) => item.name),
    ).toEqual([0, 2]);
  });

  it("runs the oldest even if it alone is larger than a pass", ({ expect }) => {
    const guided = items([{ passKey: "32", rowCount: 2, remainingSteps: 1 }]);
    expect(schedulerWith(guided, 1).schedule()).toEqual(guided);
  });

  it("finishes everything, in exactly as many turns as were asked for where rows suffice", ({
    expect,
  }) => {
    fc.assert(
      fc.property(fc.array(shape), fc.integer({ min: 1, max: 4 }), (all, rows) => {
        const scheduler = schedulerWith(items(all), rows);
        const total = all.reduce((sum, item) => sum + item.remainingSteps, 0);
        let turns = 0;
        while (scheduler.items.length > 0 && turns <= total) {
          expect(run(scheduler).length).toBeGreaterThan(0);
          turns += 1;
        }
        expect(turns).toBeLessThanOrEqual(total);
      }),
    );
  });
});

describe("the turns of the shapes", () => {
  it("come round at least once in as many turns as there are shapes", ({ expect }) => {
    const endless = items(
      ["32", "32", "64", "96"].map((passKey) => ({
        passKey,
        rowCount: 1,
        remainingSteps: Number.MAX_SAFE_INTEGER,
      })),
    );
    const scheduler = schedulerWith(endless, 2);
    const served = Array.from({ length: 9 }, () => run(scheduler)[0]?.passKey);
    expect(served).toEqual(["32", "64", "96", "32", "64", "96", "32", "64", "96"]);
  });

  it("do not favour a bucket of short generations that empties and fills again", ({ expect }) => {
    const [long] = items([{ passKey: "32", rowCount: 1, remainingSteps: 10 }]);
    const scheduler = schedulerWith(long === undefined ? [] : [long], 4);
    for (let turn = 0; turn < 20; turn += 1) {
      if (!scheduler.items.some((item) => item.passKey === "64")) {
        const [short] = items([{ passKey: "64", rowCount: 1, remainingSteps: 1 }]);
        if (short !== undefined) scheduler.admit(short);
      }
      run(scheduler);
    }
    expect(long?.remainingSteps).toBe(0);
  });
});

describe("room in the queue", () => {
  it("is bounded by one pass and the queue, whatever arrives", ({ expect }) => {
    fc.assert(
      fc.property(fc.array(shape), fc.nat(4), (all, maxQueue) => {
        const scheduler = new Scheduler<Item>({ maxBatchRows: 4, maxQueue });
        for (const item of items(all)) {
          if (scheduler.hasRoomFor(item)) scheduler.admit(item);
          expect(scheduler.items.length).toBeLessThanOrEqual(4 + maxQueue);
        }
      }),
    );
  });

  it("is given to an idle node's first pass although nothing has started yet", ({ expect }) => {
    const scheduler = new Scheduler<Item>({ maxBatchRows: 2, maxQueue: 0 });
    const three = items(Array(3).fill({ passKey: "32", rowCount: 1, remainingSteps: 2 }));
    const admitted = three.map((item) => {
      const hasRoom = scheduler.hasRoomFor(item);
      if (hasRoom) scheduler.admit(item);
      return hasRoom;
    });
    expect(admitted).toEqual([true, true, false]);
  });

  it("frees when the generation nearest its end finishes, its shape's turns counted", ({
    expect,
  }) => {
    const scheduler = schedulerWith([], 1);
    expect(scheduler.stepsUntilRoom()).toBe(1);
    for (const [passKey, remainingSteps] of [
      ["32", 7],
      ["32", 3],
      ["64", 5],
    ] as const) {
      scheduler.admit({ name: 0, passKey, rowCount: 1, hasStarted: true, remainingSteps });
    }
    expect(scheduler.stepsUntilRoom()).toBe(6);
  });
});
