import { beforeEach, describe, it } from "vitest";
import type { Ledger } from "../../../../edge/accounts/ledger.ts";
import { GRACE_MS, HOLD_MS, listEntries, openLedger, order, REPORT_MS } from "./open-ledger.ts";
import type { TestSql } from "./open-sql.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

let sql: TestSql;
let ledger: Ledger;
beforeEach(() => {
  ({ sql, ledger } = openLedger());
});

/** Entries oldest first. */
const entries = () => listEntries(sql);

/** What a node tells of a request's first attempt. */
const told = (stepUnits: number) => ({ attempt: 1, stepUnits });

describe("a hold", () => {
  beforeEach(() => {
    ledger.credit("credit", 1_000, "start", 0);
    ledger.reserve(order("gen_1"), 0);
  });

  it("is taken from what is free, and moves no money", ({ expect }) => {
    expect(ledger.readPurse()).toEqual({ balance: 1_000, held: 200 });
    expect(entries()).toHaveLength(1);
  });

  it("is dispatched from its beginning where a node begins at once", ({ expect }) => {
    ledger.reserve(order("gen_2", 10, 1), 0);
    expect(ledger.report("gen_2", told(3), 1)).toMatchObject({ state: "dispatched" });
    expect(ledger.dispatch("gen_2", 1, 0, 1)).toBe(true);
    expect(ledger.dispatch("gen_2", 2, 3, 1)).toBe(true);
    expect(ledger.readPurse()).toEqual({ balance: 1_000, held: 400 });
  });

  it("costs the executed step units, and the rest goes back at once", ({ expect }) => {
    ledger.dispatch("gen_1", 1, 0, 0);
    expect(ledger.capture("gen_1", 3, 10)).toEqual({
      state: "captured",
      model: "model",
      tier: "balanced",
      keyId: "key_1",
      stepUnits: 3,
      cost: 60,
      refunded: 140,
      unusedStepUnits: 7,
      isNew: true,
    });
    expect(ledger.readPurse()).toEqual({ balance: 940, held: 0 });
    expect(entries().at(-1)).toMatchObject({ kind: "charge", amount: -60, reference: "gen_1" });
  });

  it("never costs more than was held", ({ expect }) => {
    expect(ledger.capture("gen_1", 99, 10)).toMatchObject({ cost: 200, refunded: 0 });
  });

  it("is settled once, whoever tells it again", ({ expect }) => {
    const first = ledger.capture("gen_1", 3, 10);
    for (const again of [ledger.capture("gen_1", 9, 20), ledger.report("gen_1", told(3), 20)]) {
      expect(again).toEqual({ ...first, isNew: false });
    }
    expect(ledger.release("gen_1", 20)).toEqual({ ...first, isNew: false });
    expect(entries()).toHaveLength(2);
  });

  it("is released when nothing was executed, and cannot be charged after", ({ expect }) => {
    expect(ledger.release("gen_1", 10)).toMatchObject({ state: "released", refunded: 200 });
    expect(ledger.capture("gen_1", 3, 20)).toMatchObject({ state: "released", cost: 0 });
    expect(ledger.readPurse()).toEqual({ balance: 1_000, held: 0 });
  });

  it("waits for the edge when a node tells its receipt beside the answer", ({ expect }) => {
    expect(ledger.report("gen_1", told(9), 10)).toMatchObject({ state: "reserved", isNew: false });
    expect(ledger.capture("gen_1", 4, 20)).toMatchObject({ state: "captured", cost: 80 });
  });

  it.for([0, 6])(
    "costs the %i step units that were told beside it, where the edge is gone",
    (units, { expect }) => {
      ledger.dispatch("gen_1", 1, 0, 0);
      ledger.report("gen_1", told(units), 10);
      expect(ledger.nextDueAt()).toBe(10 + REPORT_MS);
      expect(ledger.sweep(9 + REPORT_MS)).toEqual([]);
      expect(ledger.sweep(10 + REPORT_MS)).toMatchObject([
        { isReceiptLost: false, settlement: { cost: units * 20, isNew: true } },
      ]);
      expect(ledger.readPurse()).toEqual({ balance: 1_000 - units * 20, held: 0 });
    },
  );

  it("costs at once what was told when the edge hears no more of it", ({ expect }) => {
    ledger.report("gen_1", told(6), 10);
    expect(ledger.expire("gen_1", 20)).toMatchObject({ state: "captured", cost: 120, isNew: true });
  });

  it("expires, still held, and is reconciled by a late receipt", ({ expect }) => {
    expect(ledger.sweep(HOLD_MS)).toEqual([]);
    expect(ledger.readPurse()).toEqual({ balance: 1_000, held: 200 });
    expect(ledger.countOpen()).toBe(0);
    expect(ledger.report("gen_1", told(2), HOLD_MS + 1)).toMatchObject({
      state: "reconciled",
      cost: 40,
      refunded: 160,
    });
  });

  it("goes back whole when its receipt never comes", ({ expect }) => {
    ledger.sweep(HOLD_MS);
    expect(ledger.sweep(HOLD_MS + GRACE_MS - 1)).toEqual([]);
    expect(ledger.sweep(HOLD_MS + GRACE_MS)).toMatchObject([
      { requestId: "gen_1", isReceiptLost: true, settlement: { cost: 0, refunded: 200 } },
    ]);
    expect(ledger.readPurse()).toEqual({ balance: 1_000, held: 0 });
    expect(ledger.capture("gen_1", 2, HOLD_MS + GRACE_MS + 1)).toMatchObject({ cost: 0 });
  });

  it("is swept when it is due, and forgotten a day after it was settled", ({ expect }) => {
    expect(ledger.nextDueAt()).toBe(HOLD_MS);
    ledger.expire("gen_1", 100);
    expect(ledger.nextDueAt()).toBe(100 + GRACE_MS);
    ledger.capture("gen_1", 1, 200);
    expect(ledger.nextDueAt()).toBe(200 + DAY_MS);
    ledger.sweep(200 + DAY_MS);
    expect(ledger.capture("gen_1", 1, 300 + DAY_MS)).toBeNull();
    expect(ledger.nextDueAt()).toBeNull();
  });
});

describe("a request that is handed on", () => {
  beforeEach(() => {
    ledger.credit("credit", 1_000, "start", 0);
    ledger.reserve(order("gen_1"), 0);
    ledger.dispatch("gen_1", 1, 0, 0);
  });

  it("may be handed on while it is open, to one node at a time, later ones first", ({ expect }) => {
    expect(ledger.dispatch("gen_1", 2, 3, 10)).toBe(true);
    expect(ledger.dispatch("gen_1", 2, 3, 10)).toBe(true);
    expect(ledger.dispatch("gen_1", 1, 0, 10)).toBe(false);
    ledger.capture("gen_1", 5, 20);
    expect(ledger.dispatch("gen_1", 3, 5, 30)).toBe(false);
    expect(ledger.dispatch("gen_2", 1, 0, 30)).toBe(false);
  });

  it("is never charged by the attempts that were given up", ({ expect }) => {
    ledger.report("gen_1", told(4), 5);
    ledger.dispatch("gen_1", 2, 3, 10);
    expect(ledger.report("gen_1", told(4), 15)).toMatchObject({ isNew: false });
    expect(ledger.sweep(10 + HOLD_MS)).toEqual([]);
    expect(ledger.report("gen_1", told(4), 10 + HOLD_MS)).toMatchObject({ isNew: false });
    expect(ledger.report("gen_1", { attempt: 2, stepUnits: 7 }, 10 + HOLD_MS)).toMatchObject({
      state: "reconciled",
      cost: 140,
    });
  });

  it("whose edge and nodes are gone costs what was delivered before", ({ expect }) => {
    ledger.dispatch("gen_1", 2, 3, 10);
    ledger.sweep(10 + HOLD_MS);
    expect(ledger.sweep(10 + HOLD_MS + GRACE_MS)).toMatchObject([
      { isReceiptLost: true, settlement: { cost: 60, refunded: 140 } },
    ]);
  });
});

describe("the rows", () => {
  it("take a credit once for each reference", ({ expect }) => {
    const first = ledger.credit("top_up", 500, "evt_1", 0);
    expect(ledger.credit("top_up", 900, "evt_1", 1)).toEqual(first);
    ledger.credit("credit", 5, "evt_1", 2);
    expect(ledger.readPurse().balance).toBe(505);
  });

  it("refuse a balance below what is held, and holds below nothing", ({ expect }) => {
    ledger.credit("credit", 100, "start", 0);
    expect(() => ledger.reserve(order("gen_1"), 0)).toThrow(/CHECK/);
    expect(() => sql.exec("UPDATE purse SET held = -1")).toThrow(/CHECK/);
  });

  it("refuse a change to an entry", ({ expect }) => {
    ledger.credit("credit", 100, "start", 0);
    expect(() => sql.exec("UPDATE entry SET amount = 1000")).toThrow(/append-only/);
    expect(() => sql.exec("DELETE FROM entry")).toThrow(/append-only/);
  });
});
