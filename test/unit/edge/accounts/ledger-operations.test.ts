import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { describe, it } from "vitest";
import type { Settlement } from "../../../../edge/accounts/hold.ts";
import type { Ledger } from "../../../../edge/accounts/ledger.ts";
import { findBrokenEntry } from "../../../../shared/contracts/ledger-chain.ts";
import { listEntries, openLedger, order, wakeLedger } from "./open-ledger.ts";

describe("any order of operations", () => {
  type Subject = ReturnType<typeof openLedger>;
  type Settled = ReturnType<Ledger["capture"]> | Settlement[];
  /** What one operation does; what it settles is returned. */
  const ACTIONS = {
    credit: (on, id, units, nowMs) => {
      on.ledger.credit("credit", Math.max(1, units * 20), id, nowMs);
      return null;
    },
    reserve: (on, id, units, nowMs) => {
      const { balance, held } = on.ledger.readPurse();
      const wish = order(id, Math.max(0, units), units % 2 === 0 ? 0 : 1);
      const isNew = on.ledger.findTerms(id) === null;
      if (isNew && balance - held >= 20 * wish.maxStepUnits) on.ledger.reserve(wish, nowMs);
      return null;
    },
    dispatch: (on, id, units, nowMs) => {
      on.ledger.dispatch(id, 1 + (Math.abs(units) % 4), Math.max(0, units), nowMs);
      return null;
    },
    expire: (on, id, _, nowMs) => on.ledger.expire(id, nowMs),
    sweep: (on, _, __, nowMs) => on.ledger.sweep(nowMs).map(({ settlement }) => settlement),
    capture: (on, id, units, nowMs) => on.ledger.capture(id, units, nowMs),
    report: (on, id, units, nowMs) =>
      on.ledger.report(id, { attempt: 1 + (Math.abs(units) % 4), stepUnits: units }, nowMs),
    release: (on, id, _, nowMs) => on.ledger.release(id, nowMs),
  } satisfies Record<string, (on: Subject, id: string, units: number, nowMs: number) => Settled>;
  const operation = fc.record({
    kind: fc.constantFrom(...(Object.keys(ACTIONS) as (keyof typeof ACTIONS)[])),
    requestId: fc.integer({ min: 0, max: 30 }).map((i) => `gen_${i}`),
    stepUnits: fc.integer({ min: -2, max: 40 }),
    // A clock also goes back.
    waitMs: fc.integer({ min: -60, max: 100 }),
  });
  type Operation = typeof operation extends fc.Arbitrary<infer Value> ? Value : never;

  /** A ledger that wakes on the same rows says what this one remembers. */
  function checkMemory({ sql, ledger }: Subject, requestId: string): void {
    const [known, woken] = [ledger, wakeLedger(sql)].map((from) => ({
      purse: from.readPurse(),
      openCount: from.countOpen(),
      hold: from.findTerms(requestId),
    }));
    if (!isDeepStrictEqual(known, woken)) throw new Error(`It remembers wrongly: ${requestId}.`);
  }

  /** Micro-dollars that the operations were told to be charged. */
  function play(subject: Subject, operations: readonly Operation[]): number {
    let nowMs = 0;
    let charged = 0;
    for (const { kind, requestId, stepUnits, waitMs } of operations) {
      nowMs += waitMs;
      const settled: Settled = ACTIONS[kind](subject, requestId, stepUnits, nowMs);
      for (const { isNew, cost } of [settled ?? []].flat()) charged += isNew ? cost : 0;
      checkMemory(subject, requestId);
    }
    return charged;
  }

  it("keeps balance ≥ held ≥ 0, the sums and the chain, over 10,000 operations", ({ expect }) => {
    let count = 0;
    fc.assert(
      fc.property(fc.array(operation, { minLength: 500, maxLength: 500 }), (operations) => {
        const subject = openLedger();
        const charged = play(subject, operations);
        count += operations.length;
        const { balance, held } = subject.ledger.readPurse();
        const all = listEntries(subject.sql);
        const charges = all.filter(({ kind }) => kind === "charge");
        expect(held).toBeGreaterThanOrEqual(0);
        expect(balance).toBeGreaterThanOrEqual(held);
        expect(all.reduce((sum, { amount }) => sum + amount, 0)).toBe(balance);
        expect(charges.reduce((sum, { amount }) => sum - amount, 0)).toBe(charged);
        expect(new Set(charges.map(({ reference }) => reference)).size).toBe(charges.length);
        expect(findBrokenEntry(all, "acct_1")).toBeNull();
        const [row] = subject.sql
          .exec(
            "SELECT COALESCE(SUM(amount), 0) AS held FROM hold WHERE state IN ('reserved', 'dispatched', 'expired')",
          )
          .toArray();
        expect(row?.["held"]).toBe(held);
      }),
      { numRuns: 20, seed: 5 },
    );
    expect(count).toBe(10_000);
  });
});
