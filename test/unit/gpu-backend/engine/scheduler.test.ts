import fc from "fast-check";
import { describe, it } from "vitest";
import { Scheduler } from "../../../../gpu-backend/engine/scheduler.ts";
import {
  createItem,
  createItems,
  type Item,
  namesOf,
  runPass,
  schedulerWith,
} from "./scheduler-items.ts";

const shape = fc.record({
  length: fc.constantFrom(32, 64, 96),
  rowCount: fc.constantFrom(1, 2),
  remainingSteps: fc.integer({ min: 1, max: 6 }),
});

describe("Scheduler.schedule", () => {
  it("fills one shape, oldest first, within the rows", ({ expect }) => {
    fc.assert(
      fc.property(
        fc.array(shape, { minLength: 1 }),
        fc.integer({ min: 2, max: 6 }),
        (all, rows) => {
          const scheduled = runPass(schedulerWith(createItems(all), rows));
          expect(scheduled.length).toBeGreaterThan(0);
          const keys = new Set(scheduled.map((item) => item.passShape.key));
          expect(keys.size).toBe(1);
          expect(scheduled.reduce((sum, item) => sum + item.rowCount, 0)).toBeLessThanOrEqual(rows);
          const first = createItems(all).find(({ passShape }) => keys.has(passShape.key));
          expect(scheduled[0]?.name).toBe(first?.name);
          expect(namesOf(scheduled)).toEqual(namesOf(scheduled).sort((a, b) => a - b));
        },
      ),
    );
  });

  it("leaves no row free that an older generation of the bucket could take", ({ expect }) => {
    const three = createItems([{}, { rowCount: 2 }, {}]);
    expect(namesOf(runPass(schedulerWith(three, 2)))).toEqual([0, 2]);
  });

  it("runs the oldest even if it alone is larger than a pass", ({ expect }) => {
    const guided = createItems([{ rowCount: 2 }]);
    expect(runPass(schedulerWith(guided, 1))).toEqual(guided);
  });

  it("finishes everything, in at most as many turns as were asked for", ({ expect }) => {
    fc.assert(
      fc.property(fc.array(shape), fc.integer({ min: 1, max: 4 }), (all, rows) => {
        const scheduler = schedulerWith(createItems(all), rows);
        const total = all.reduce((sum, item) => sum + item.remainingSteps, 0);
        let turns = 0;
        while (scheduler.count > 0 && turns <= total) {
          expect(runPass(scheduler).length).toBeGreaterThan(0);
          turns += 1;
        }
        expect(turns).toBeLessThanOrEqual(total);
      }),
    );
  });
});

describe("the turns of the shapes", () => {
  it("come round at least once in as many turns as there are shapes", ({ expect }) => {
    const endless = [32, 32, 64, 96].map((length) => ({ length, remainingSteps: 1e9 }));
    const scheduler = schedulerWith(createItems(endless), 2);
    const served = Array.from({ length: 9 }, () => runPass(scheduler)[0]?.passShape.length);
    expect(served).toEqual([32, 64, 96, 32, 64, 96, 32, 64, 96]);
  });

  it("do not favour a bucket of short generations that empties and fills again", ({ expect }) => {
    const long = createItem({ remainingSteps: 10 });
    const scheduler = schedulerWith([long], 4);
    for (let turn = 0; turn < 20; turn += 1) {
      const hasShort = scheduler.items.some(({ passShape }) => passShape.length === 64);
      if (!hasShort) scheduler.admit(createItem({ length: 64 }), turn);
      runPass(scheduler, turn);
    }
    expect(long.remainingSteps).toBe(0);
  });
});

describe("lanes", () => {
  const begin = (scheduler: Scheduler<Item>, lane: number) =>
    scheduler.schedule({ lane, laneCount: 2, now: 0 });

  it("share the rows of a shape, and give nothing out twice", ({ expect }) => {
    const scheduler = schedulerWith(createItems(Array(5).fill({})), 8);
    const first = begin(scheduler, 1);
    const second = begin(scheduler, 2);
    expect(namesOf(first)).toEqual([0, 1, 2]);
    expect(namesOf(second)).toEqual([3, 4]);
    expect(begin(scheduler, 1)).toEqual([]);
    scheduler.release(first);
    expect(namesOf(begin(scheduler, 1))).toEqual([0, 1, 2]);
  });

  it("do not part the rows of a shape where another has work for the other lane", ({ expect }) => {
    const two = createItems([{ length: 64 }, { length: 96 }, { length: 64 }, { length: 96 }]);
    const scheduler = schedulerWith(two, 8);
    expect(namesOf(begin(scheduler, 1))).toEqual([0, 2]);
    expect(namesOf(begin(scheduler, 2))).toEqual([1, 3]);
  });

  it("share out a shape that is most of the work, however little beside it waits", ({ expect }) => {
    const scheduler = schedulerWith(createItems([...Array(6).fill({ length: 256 }), {}]), 8);
    expect(namesOf(begin(scheduler, 1))).toEqual([0, 1, 2, 3]);
    const others = [begin(scheduler, 2), begin(scheduler, 2)];
    expect(others.map(namesOf)).toEqual([[6], [4, 5]]);
  });

  it("take what waits for another only where they would idle", ({ expect }) => {
    const scheduler = schedulerWith(createItems([{}, { length: 64 }]), 8);
    for (const item of scheduler.items) {
      expect(begin(scheduler, 1)).toHaveLength(1);
      item.needsContext = true;
      scheduler.release(scheduler.items);
    }
    expect(namesOf(begin(scheduler, 1))).toEqual([0]);
    const newcomer = createItem({ name: 2 });
    scheduler.admit(newcomer, 0);
    expect(namesOf(begin(scheduler, 2))).toEqual([2]);
    scheduler.release([newcomer]);
    scheduler.remove(newcomer);
    expect(namesOf(begin(scheduler, 2))).toEqual([1]);
    expect(begin(scheduler, 2)).toEqual([]);
  });

  it("keep what has a context in them, until it needs none or the whole machine is its own", ({
    expect,
  }) => {
    const scheduler = schedulerWith(createItems([{}, {}]), 8);
    for (const lane of [1, 2]) {
      const [item] = begin(scheduler, lane);
      if (item !== undefined) item.needsContext = true;
      scheduler.release(scheduler.items);
      if (lane === 1) expect(begin(scheduler, 2)).not.toContain(item);
      scheduler.release(scheduler.items);
    }
    expect(namesOf(begin(scheduler, 2))).toEqual([1]);
    expect(namesOf(begin(scheduler, 1))).toEqual([0]);
    scheduler.release(scheduler.items);
    const whole = scheduler.schedule({ lane: 0, laneCount: 1, now: 0 });
    expect(namesOf(whole)).toEqual([0, 1]);
  });
});

describe("room in the queue", () => {
  it("is bounded by one pass and the queue, whatever arrives", ({ expect }) => {
    fc.assert(
      fc.property(fc.array(shape), fc.nat(4), (all, maxQueue) => {
        const scheduler = new Scheduler<Item>({ maxBatchRows: 4, maxQueue });
        for (const item of createItems(all)) {
          if (scheduler.hasRoomFor(item)) scheduler.admit(item, 0);
          expect(scheduler.count).toBeLessThanOrEqual(4 + maxQueue);
        }
      }),
    );
  });

  it("is given to an idle node's first pass although nothing has started yet", ({ expect }) => {
    const scheduler = new Scheduler<Item>({ maxBatchRows: 2, maxQueue: 0 });
    const admitted = createItems([{}, {}, {}]).map((item) => {
      const hasRoom = scheduler.hasRoomFor(item);
      if (hasRoom) scheduler.admit(item, 0);
      return hasRoom;
    });
    expect(admitted).toEqual([true, true, false]);
  });
});
