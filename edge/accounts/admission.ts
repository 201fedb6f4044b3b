/**
 * Whether a request may run: key, its bounds, idempotency, plan, money; and the hold for it.
 *
 * One decision over one account's rows: its caller wraps it in one transaction, so nothing is held,
 * counted or claimed for a request that is refused.
 * Owns: the order of the checks and what each refusal says.
 * Does not own: the rows (account-store.ts, ledger.ts, rate-limits.ts).
 */
import type { ErrorCode } from "#shared/contracts/errors.ts";
import { PLANS, type Plan, type PlanRule } from "#shared/contracts/plans.ts";
import { toPlanPrice } from "#shared/contracts/prices.ts";
import type { Tier } from "#shared/contracts/tier-names.ts";
import type { AccountStore, LiveKey, PresentedKey } from "./account-store.ts";
import type { Claim, Claims, ClaimVerdict } from "./claims.ts";
import type { Ledger } from "./ledger.ts";
import type { LimitStatus, RateLimits } from "./rate-limits.ts";

/** What wants to run. */
export interface AdmissionOrder {
  readonly presented: PresentedKey;
  readonly requestId: string;
  readonly model: string;
  readonly tier: Tier;
  readonly maxStepUnits: number;
  /** Micro-dollars, before the plan's discount. */
  readonly listPrice: number;
  /** Micro-dollars; the client's own limit for this request. */
  readonly maxPrice: number | null;
  readonly bodyBytes: number;
  readonly promptCharacters: number;
  /** `null` for a request that stands for itself alone. */
  readonly claim: Claim | null;
}

/** An account's limits as they stand. */
export interface AccountLimits {
  readonly requests: LimitStatus;
  readonly steps: LimitStatus;
  readonly maxConcurrency: number;
}

/** Why not; a value, since it crosses the network between objects. */
export interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
  readonly param: string | null;
  /** Milliseconds until it may be otherwise; `null` if waiting changes nothing. */
  readonly retryAfterMs: number | null;
  readonly metadata: Readonly<Record<string, string | number>>;
}

/** The request of the same claim that came before: it runs, or was answered. */
export type EarlierRequest = Extract<ClaimVerdict, { kind: "running" | "answered" }>;

/** What became of it. */
export type Admission =
  | (Admitted & { readonly limits: AccountLimits })
  | (Repeated & { readonly limits: AccountLimits })
  | {
      readonly outcome: "refused";
      readonly refusal: Refusal;
      /** `null` for whoever holds no live key. */
      readonly limits: AccountLimits | null;
    };

/** Room may be made by the next request that ends; nobody knows when. */
const PASSING_RETRY_MS = 1_000;

/** What an account judges with. */
export interface AdmissionParts {
  readonly store: AccountStore;
  readonly ledger: Ledger;
  readonly limits: RateLimits;
  readonly claims: Claims;
}

/** Decides, and holds the money. Asked again under the same id, it finds its own hold. */
export function admit(parts: AdmissionParts, order: AdmissionOrder, nowMs: number): Admission {
  const verdict = parts.store.authorizeKey(order.presented, nowMs);
  if (!verdict.accepted) {
    const message =
      verdict.code === "scope_not_allowed"
        ? `This needs a key of scope ${order.presented.scopes.join(" or ")}.`
        : "The API key is unknown, expired or revoked.";
    const refusal = refuse(verdict.code, message);
    return { outcome: "refused", refusal, limits: null };
  }
  const decision = decide(parts, order, verdict, nowMs);
  return { ...decision, limits: readLimits(parts.limits, verdict, nowMs) };
}

interface Admitted {
  readonly outcome: "admitted";
  readonly held: number;
  /** Micro-dollars a step unit, the plan's discount taken off. */
  readonly unitPrice: number;
}

interface Repeated {
  readonly outcome: "repeated";
  readonly earlier: EarlierRequest;
}

type Decision = Admitted | Repeated | { readonly outcome: "refused"; readonly refusal: Refusal };

function decide(
  parts: AdmissionParts,
  order: AdmissionOrder,
  { key, plan }: { key: LiveKey; plan: Plan },
  nowMs: number,
): Decision {
  const { ledger, claims } = parts;
  const { requestId, claim } = order;
  const known = ledger.findTerms(requestId);
  if (known !== null) {
    return { outcome: "admitted", held: known.amount, unitPrice: known.unitPrice };
  }
  const unbound = checkBounds(order, key);
  if (unbound !== null) return { outcome: "refused", refusal: unbound };
  const earlier = claim && claims.judge(claim, (id) => ledger.isOpen(id), nowMs);
  if (earlier?.kind === "answered" || earlier?.kind === "running") {
    return { outcome: "repeated", earlier };
  }
  const refusal =
    (earlier && checkClaim(earlier)) ??
    checkPrice(order, plan) ??
    checkSize(order, plan) ??
    checkRates(parts, order, PLANS[plan], nowMs) ??
    checkConcurrency(parts.ledger, key, PLANS[plan]) ??
    checkAnyMoney(parts, order, key, plan);
  if (refusal !== null) return { outcome: "refused", refusal };
  if (claim !== null) claims.take(claim, requestId, nowMs);
  const unitPrice = toPlanPrice(order.listPrice, plan);
  return { outcome: "admitted", held: hold(parts, order, plan, nowMs), unitPrice };
}

function checkClaim({ kind }: ClaimVerdict): Refusal | null {
  if (kind !== "mismatch") return null;
  return refuse("idempotency_mismatch", "The idempotency key was used for another request.");
}

/** What the client itself does not want. */
function checkPrice(
  { maxPrice, maxStepUnits, listPrice }: AdmissionOrder,
  plan: Plan,
): Refusal | null {
  const required = maxStepUnits * toPlanPrice(listPrice, plan);
  if (maxPrice === null || required <= maxPrice) return null;
  return refuse("max_price_exceeded", "The request could cost more than its max_price.", {
    param: "max_price",
    metadata: { limit_source: "max_price", limit: maxPrice, required },
  });
}

/** The limits of an account as they stand, for one of its keys. */
function readLimits(
  limits: RateLimits,
  { key, plan }: { key: LiveKey; plan: Plan },
  nowMs: number,
): AccountLimits {
  const rule = PLANS[plan];
  return {
    requests: limits.read("requests", rule.requestsPerMinute, nowMs),
    steps: limits.read("steps", rule.stepUnitsPerMinute, nowMs),
    maxConcurrency: Math.min(rule.maxConcurrency, key.concurrencyLimit ?? rule.maxConcurrency),
  };
}

function hold(parts: AdmissionParts, order: AdmissionOrder, plan: Plan, nowMs: number): number {
  const { requestId, model, tier, maxStepUnits, presented } = order;
  const unitPrice = toPlanPrice(order.listPrice, plan);
  const { requestsPerMinute, stepUnitsPerMinute } = PLANS[plan];
  parts.limits.takeEach(
    { name: "requests", limit: requestsPerMinute, count: 1 },
    { name: "steps", limit: stepUnitsPerMinute, count: maxStepUnits },
    nowMs,
  );
  const { keyId } = presented;
  // Whoever is told of the hold hands the request to a node at once: one row for both.
  const terms = { keyId, model, tier, maxStepUnits, unitPrice };
  parts.ledger.reserve({ ...terms, requestId, attempt: 1 }, nowMs);
  return maxStepUnits * unitPrice;
}

function checkAnyMoney(
  { store, ledger }: AdmissionParts,
  { maxStepUnits, listPrice }: AdmissionOrder,
  key: LiveKey,
  plan: Plan,
): Refusal | null {
  const amount = maxStepUnits * toPlanPrice(listPrice, plan);
  return checkKeyMoney(store, key, amount) ?? checkMoney(ledger, amount);
}

function checkBounds({ model, tier }: AdmissionOrder, key: LiveKey): Refusal | null {
  if (key.models !== null && !key.models.includes(model)) {
    return refuse("model_not_allowed", "This key may not use the model.", { param: "model" });
  }
  if (key.tiers !== null && !key.tiers.includes(tier)) {
    return refuse("tier_not_allowed", `This key may not use the tier '${tier}'.`, {
      param: "tier",
    });
  }
  return null;
}

/** What no waiting makes smaller. */
function checkSize(order: AdmissionOrder, plan: Plan): Refusal | null {
  const rule = PLANS[plan];
  const sizes = [
    ["body_bytes", order.bodyBytes, rule.maxBodyBytes],
    ["prompt_characters", order.promptCharacters, rule.maxPromptCharacters],
    ["step_units", order.maxStepUnits, rule.stepUnitsPerMinute],
  ] as const;
  for (const [name, value, limit] of sizes) {
    if (value <= limit) continue;
    const message = `The plan '${plan}' takes at most ${limit} ${name.replace("_", " ")} a request.`;
    return refuse("plan_limit_exceeded", message, {
      metadata: { limit_source: name, limit, requested: value },
    });
  }
  return null;
}

function checkRates(
  { limits }: AdmissionParts,
  { maxStepUnits }: AdmissionOrder,
  rule: PlanRule,
  nowMs: number,
): Refusal | null {
  const requestsWaitMs = limits.waitFor("requests", rule.requestsPerMinute, 1, nowMs);
  if (requestsWaitMs > 0) {
    const message = `At most ${rule.requestsPerMinute} requests a minute.`;
    return refuse("request_rate_exceeded", message, {
      retryAfterMs: requestsWaitMs,
      metadata: { limit_source: "requests", limit: rule.requestsPerMinute },
    });
  }
  const stepsWaitMs = limits.waitFor("steps", rule.stepUnitsPerMinute, maxStepUnits, nowMs);
  if (stepsWaitMs > 0) {
    const message = `At most ${rule.stepUnitsPerMinute} step units a minute.`;
    return refuse("step_rate_exceeded", message, {
      retryAfterMs: stepsWaitMs,
      metadata: { limit_source: "steps", limit: rule.stepUnitsPerMinute, requested: maxStepUnits },
    });
  }
  return null;
}

/** The plan's is the account's; a key may have its own within it. */
function checkConcurrency(ledger: Ledger, key: LiveKey, rule: PlanRule): Refusal | null {
  if (ledger.countOpen() >= rule.maxConcurrency) {
    return tooManyAtOnce(rule.maxConcurrency, "requests", "concurrency");
  }
  // Counted only where it is bounded: most keys are not.
  const limit = key.concurrencyLimit;
  if (limit === null || ledger.countOpenOf(key.keyId) < limit) return null;
  return tooManyAtOnce(limit, "requests of this key", "key");
}

function tooManyAtOnce(limit: number, what: string, source: "concurrency" | "key"): Refusal {
  return refuse("concurrency_exceeded", `At most ${limit} ${what} at once.`, {
    retryAfterMs: PASSING_RETRY_MS,
    metadata: { limit_source: source, limit },
  });
}

function checkKeyMoney(store: AccountStore, key: LiveKey, amount: number): Refusal | null {
  const { spendingLimit } = key;
  if (spendingLimit === null) return null;
  const { spent, held } = store.readSpending(key.keyId);
  if (spent + held + amount <= spendingLimit) return null;
  const metadata = { held, available: Math.max(0, spendingLimit - spent - held), required: amount };
  if (spent + amount > spendingLimit) {
    const message = "The key's spending limit leaves too little for this request.";
    return refuse("spending_limit_reached", message, {
      metadata: { limit_source: "key", ...metadata },
    });
  }
  return refuse("balance_held", "Requests in flight hold what the key may still spend.", {
    retryAfterMs: PASSING_RETRY_MS,
    metadata: { limit_source: "key", ...metadata },
  });
}

function checkMoney(ledger: Ledger, amount: number): Refusal | null {
  const { balance, held } = ledger.readPurse();
  if (balance - held >= amount) return null;
  const metadata = { held, available: balance - held, required: amount };
  if (balance < amount) {
    return refuse("insufficient_balance", "The balance is too low for this request.", {
      metadata: { limit_source: "account", ...metadata },
    });
  }
  return refuse("balance_held", "Requests in flight hold the balance that this one needs.", {
    retryAfterMs: PASSING_RETRY_MS,
    metadata: { limit_source: "account", ...metadata },
  });
}

function refuse(
  code: ErrorCode,
  message: string,
  more: Partial<Pick<Refusal, "param" | "retryAfterMs" | "metadata">> = {},
): Refusal {
  return { code, message, param: null, retryAfterMs: null, metadata: {}, ...more };
}
