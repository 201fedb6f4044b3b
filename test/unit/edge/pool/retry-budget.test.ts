import fc from "fast-check";
import { describe, it } from "vitest";
import { RetryBudget } from "../../../../edge/pool/retry-budget.ts";

describe("the budget of tries", () => {
  it("is a fifth of the requests, ten a second and a hundred, whatever comes in what order", ({
    expect,
  }) => {
    const happening = fc.record({ waitMs: fc.nat(40), isFirst: fc.boolean() });
    fc.assert(
      fc.property(fc.array(happening, { minLength: 1, maxLength: 600 }), (happenings) => {
        const budget = new RetryBudget();
        let nowMs = 1_700_000_000_000;
        const startedAt = nowMs;
        let [first, again] = [0, 0];
        for (const { waitMs, isFirst } of happenings) {
          nowMs += waitMs;
          if (isFirst) {
            first += 1;
            budget.earn();
          } else if (budget.spend(nowMs)) again += 1;
        }
        const most = 100 + 0.2 * first + (nowMs - startedAt) / 100;
        expect(again).toBeLessThanOrEqual(most + 1e-6);
      }),
    );
  });

  it("comes back with time alone, and a clock that goes back takes nothing", ({ expect }) => {
    const budget = new RetryBudget();
    const spendAll = (nowMs: number) => {
      let count = 0;
      while (budget.spend(nowMs)) count += 1;
      return count;
    };
    expect(spendAll(5_000)).toBe(100);
    expect(budget.spend(4_000)).toBe(false);
    expect(budget.spend(4_050)).toBe(false);
    expect(budget.spend(5_000)).toBe(true);
    expect(spendAll(1_000_000)).toBe(100);
  });

  it("is earned by five requests for one try, and saved up to a hundred", ({ expect }) => {
    const budget = new RetryBudget();
    while (budget.spend(0));
    for (let i = 0; i < 4; i += 1) budget.earn();
    expect(budget.spend(0)).toBe(false);
    // Of a fifth in binary, five are a hair less or more than one.
    for (let i = 0; i < 2; i += 1) budget.earn();
    expect(budget.spend(0)).toBe(true);
    for (let i = 0; i < 1_000; i += 1) budget.earn();
    let count = 0;
    while (budget.spend(0)) count += 1;
    expect(count).toBe(100);
  });
});
