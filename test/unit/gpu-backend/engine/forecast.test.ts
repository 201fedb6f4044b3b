import { describe, it } from "vitest";
import { forecastWait, retryAfterSeconds } from "../../../../gpu-backend/engine/forecast.ts";
import { StepTimes } from "../../../../gpu-backend/engine/step-times.ts";
import {
  createItem,
  createItems,
  type Item,
  type ItemWish,
  runPass,
  schedulerWith,
} from "./scheduler-items.ts";

const ONE_ROW = { maxBatchRows: 1, laneCount: 1 };

function timesOf(msByLength: Readonly<Record<number, number>>): StepTimes {
  const times = new StepTimes();
  for (const [length, ms] of Object.entries(msByLength)) {
    times.add(createItem({ length: Number(length) }).passShape, 1, ms);
  }
  return times;
}

const started = (wish: ItemWish): Item => ({ ...createItem(wish), hasStarted: true });

describe("forecastWait", () => {
  it("is nothing on an idle node, and unknown before anything was measured", ({ expect }) => {
    expect(forecastWait(createItem(), [], new StepTimes(), ONE_ROW)).toBe(0);
    expect(forecastWait(createItem(), [createItem()], new StepTimes(), ONE_ROW)).toBeNull();
  });

  it("is the steps that are left of what is ahead, times their measured time", ({ expect }) => {
    const ahead = [started({ remainingSteps: 7 }), createItem({ remainingSteps: 5 })];
    const times = timesOf({ 32: 10 });
    expect(forecastWait(createItem(), ahead, times, ONE_ROW)).toBe(120);
    // Two rows a pass: it takes the place of the shorter.
    expect(forecastWait(createItem(), ahead, times, { ...ONE_ROW, maxBatchRows: 2 })).toBe(50);
    expect(forecastWait(createItem(), ahead, times, { ...ONE_ROW, maxBatchRows: 3 })).toBe(10);
  });

  it("counts a turn of every shape, and the lanes that share them", ({ expect }) => {
    const ahead = [started({ remainingSteps: 4 }), started({ length: 64, remainingSteps: 50 })];
    const times = timesOf({ 32: 10, 64: 30 });
    expect(forecastWait(createItem(), ahead, times, ONE_ROW)).toBe(160);
    expect(forecastWait(createItem(), ahead, times, { ...ONE_ROW, laneCount: 2 })).toBe(80);
  });

  it("learns how much of their steps runs take", ({ expect }) => {
    const times = timesOf({ 32: 10 });
    times.addRun("balanced", 5, 10);
    const ahead = [started({ remainingSteps: 8 })];
    expect(forecastWait(createItem(), ahead, times, ONE_ROW)).toBe(40);
  });

  it("comes true to the step where every run takes all its steps", ({ expect }) => {
    const times = timesOf({ 32: 10 });
    const items = createItems([3, 5, 2, 4, 6].map((remainingSteps) => ({ remainingSteps })));
    for (const [index, item] of items.entries()) {
      const before = items.slice(0, index);
      expect(forecastWait(item, before, times, ONE_ROW)).toBe(runUntilStart(before, item));
    }
  });
});

/** When the first pass of `newcomer` begins behind the others, of passes of 10 ms and one row. */
function runUntilStart(before: readonly Item[], newcomer: Item): number {
  const scheduler = schedulerWith([...before.map((item) => ({ ...item })), newcomer], 1);
  for (let now = 0; ; now += 10) {
    if (runPass(scheduler, now).includes(newcomer)) return now;
  }
}

describe("retryAfterSeconds", () => {
  it("is when the first that waits begins", ({ expect }) => {
    const times = timesOf({ 32: 1_500 });
    const jobs = [started({ remainingSteps: 7 }), createItem(), createItem()];
    expect(retryAfterSeconds(jobs, times, ONE_ROW)).toBe(11);
  });

  it("is a whole second at least and a minute at most", ({ expect }) => {
    const jobs = [started({ remainingSteps: 70 }), createItem()];
    expect(retryAfterSeconds(jobs, timesOf({ 32: 10_000 }), ONE_ROW)).toBe(60);
    expect(retryAfterSeconds(jobs, timesOf({ 32: 1 }), ONE_ROW)).toBe(1);
    expect(retryAfterSeconds(jobs.slice(0, 1), new StepTimes(), ONE_ROW)).toBe(1);
  });
});

describe("StepTimes", () => {
  it("follows a shape's passes, and takes another's time from its columns", ({ expect }) => {
    const times = timesOf({ 32: 32 });
    expect(times.estimate(createItem({ length: 64 }).passShape)).toBe(64);
    times.add(createItem().passShape, 1, 132);
    expect(times.estimate(createItem().passShape)).toBe(52);
    expect(times.mean).toBe(52);
  });

  it("forgets shapes that have not been served for long", ({ expect }) => {
    const times = new StepTimes();
    for (let length = 1; length <= 1_000; length += 1) {
      times.add(createItem({ length }).passShape, 1, 1);
    }
    expect(times.byShape.size).toBe(256);
    expect([...times.byShape.keys()].at(-1)).toBe("1000/whole");
  });
});
