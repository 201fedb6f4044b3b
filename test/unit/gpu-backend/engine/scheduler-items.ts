/** What the scheduler's tests share: generations in a few numbers. */
import { Scheduler } from "../../../../gpu-backend/engine/scheduler.ts";
import type { Tier } from "../../../../shared/contracts/tier-names.ts";

export interface Item {
  readonly name: number;
  readonly tier: Tier;
  readonly deadlineAt: number | null;
  readonly passShape: { readonly length: number; readonly fedLength: number; readonly key: string };
  readonly rowCount: number;
  needsContext: boolean;
  hasStarted: boolean;
  remainingSteps: number;
}

/** What differs from a row of 32 columns that takes one step in the default tier. */
export interface ItemWish {
  readonly name?: number;
  readonly tier?: Tier;
  readonly deadlineAt?: number | null;
  readonly length?: number;
  readonly rowCount?: number;
  readonly needsContext?: boolean;
  readonly remainingSteps?: number;
}

export function createItem({ length = 32, ...wish }: ItemWish = {}): Item {
  return {
    name: 0,
    tier: "balanced",
    deadlineAt: null,
    passShape: { length, fedLength: length, key: `${length}/whole` },
    rowCount: 1,
    needsContext: false,
    remainingSteps: 1,
    ...wish,
    hasStarted: false,
  };
}

/** Items with their place as their name. */
export function createItems(wishes: readonly ItemWish[]): Item[] {
  return wishes.map((wish, name) => createItem({ ...wish, name }));
}

export function schedulerWith(waiting: readonly Item[], maxBatchRows: number): Scheduler<Item> {
  const scheduler = new Scheduler<Item>({ maxBatchRows, maxQueue: 1_000 });
  for (const item of waiting) scheduler.admit(item, 0);
  return scheduler;
}

/** Runs one pass as the engine would. */
export function runPass(scheduler: Scheduler<Item>, now = 0): Item[] {
  const scheduled = scheduler.schedule({ lane: 0, laneCount: 1, now });
  for (const item of scheduled) {
    item.hasStarted = true;
    item.remainingSteps -= 1;
    if (item.remainingSteps === 0) scheduler.remove(item);
  }
  scheduler.release(scheduled);
  return scheduled;
}

export const namesOf = (items: readonly Item[]): number[] => items.map(({ name }) => name);
