/** A hold on money as a row of an account, and what became of it. */
import { type Tier, tierSchema } from "#shared/contracts/tier-names.ts";
import { numberOf, optionalNumberOf, type SqlRow, textOf } from "./sql.ts";

/** Where a hold is. */
export type HoldState =
  | "reserved"
  | "dispatched"
  | "captured"
  | "released"
  | "expired"
  | "reconciled";

/** Where its request runs or waits. */
export const OPEN_STATES: readonly HoldState[] = ["reserved", "dispatched"];

/** What a hold came to. */
export interface Settlement {
  readonly state: HoldState;
  /** Micro-dollars charged. */
  readonly cost: number;
  /** Micro-dollars that were held and went back. */
  readonly refunded: number;
  readonly model: string;
  readonly tier: Tier;
  readonly keyId: string;
  /** Step units charged. */
  readonly stepUnits: number;
  /** Step units that were held for and not executed. */
  readonly unusedStepUnits: number;
  /** False when it was settled before, or is not settled yet: nothing changed. */
  readonly isNew: boolean;
}

/** A hold's row. */
export interface Hold {
  readonly requestId: string;
  readonly model: string;
  readonly tier: Tier;
  readonly keyId: string;
  readonly amount: number;
  readonly unitPrice: number;
  readonly maxStepUnits: number;
  readonly state: HoldState;
  readonly captured: number;
  readonly attempt: number;
  readonly deliveredUnits: number;
  /** `null` while no node has told its receipt beside the answer. */
  readonly reportedUnits: number | null;
}

/** Reads a row. */
export function toHold(row: SqlRow): Hold {
  return {
    requestId: textOf(row, "request_id"),
    keyId: textOf(row, "key_id"),
    model: textOf(row, "model"),
    tier: tierSchema.parse(row["tier"]),
    amount: numberOf(row, "amount"),
    unitPrice: numberOf(row, "unit_price"),
    maxStepUnits: numberOf(row, "max_step_units"),
    state: textOf(row, "state") as HoldState,
    captured: numberOf(row, "captured"),
    attempt: numberOf(row, "attempt"),
    deliveredUnits: numberOf(row, "delivered_units"),
    reportedUnits: optionalNumberOf(row, "reported_units"),
  };
}

/** What a hold has come to, or has not yet. */
export function toSettlement(hold: Hold, isNew: boolean): Settlement {
  const { state, captured, amount, unitPrice, maxStepUnits, model, tier, keyId } = hold;
  const stepUnits = unitPrice > 0 ? captured / unitPrice : 0;
  return {
    model,
    tier,
    keyId,
    stepUnits,
    state,
    cost: captured,
    refunded: amount - captured,
    unusedStepUnits: maxStepUnits - stepUnits,
    isNew,
  };
}
