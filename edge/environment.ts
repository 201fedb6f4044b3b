/** What the platform gives the Worker, and what a request carries from one step of the walk to the next. */
import type { Context, MiddlewareHandler } from "hono";
import type { RandomBytes } from "#shared/contracts/base62.ts";
import type { Caller } from "./accounts/account-client.ts";
import type { AccountObject } from "./accounts/account-object.ts";
import type { AccountLimits } from "./accounts/admission.ts";
import type { KnownKeys, RecognizedKey } from "./accounts/known-keys.ts";
import type { GenerationHost } from "./generations/generation-host.ts";
import type { NodePool } from "./pool/node-pool.ts";
import type { PoolObject } from "./pool/pool-object.ts";
import type { FaultReport } from "./report-fault.ts";

/** Bindings of `wrangler.toml`: variables, secrets, objects. */
export interface Bindings {
  readonly ACCOUNTS: DurableObjectNamespace<AccountObject>;
  readonly GENERATIONS: DurableObjectNamespace<GenerationHost>;
  readonly POOL: DurableObjectNamespace<PoolObject>;
  /** `live` or `test`. */
  readonly KEY_ENVIRONMENT: string;
  readonly OPERATOR_SECRET: string;
  readonly KEY_TAG_SECRET: string;
  readonly GRANT_SECRET: string;
  /** Reads how many nodes there should be, and nothing else; the operator's secret does too. */
  readonly SCALING_SECRET?: string;
  /** Signs Stripe's events; without it there are no payments. */
  readonly STRIPE_WEBHOOK_SECRET?: string;
  /** Opens payments at Stripe, whose API is elsewhere than usual where the other says so. */
  readonly STRIPE_SECRET_KEY?: string;
  readonly STRIPE_API_URL?: string;
  /** Until a hold that nobody settled expires, and how long its receipt is waited for then. */
  readonly HOLD_LIFETIME_MS: string;
  readonly RECEIPT_GRACE_MS: string;
  /** How long a request waits for a node where it has no deadline, or for the same one before it, milliseconds. */
  readonly NODE_WAIT_MS: string;
  /** Until a node that says nothing is given up, milliseconds; five seconds when left out. */
  readonly NODE_PATIENCE_MS?: string;
  /** How long a generation runs on with nobody reading, and how long its events are kept after its end. */
  readonly READER_GRACE_MS: string;
  readonly GENERATION_RETENTION_MS: string;
  /** Where the usage queue's messages end. */
  readonly USAGE_DATABASE: D1Database;
}

/** What the app takes from outside itself. */
export interface Platform {
  readonly now: () => number;
  readonly randomBytes: RandomBytes;
  readonly keys: KnownKeys;
  readonly nodes: NodePool;
  readonly reportFault: (report: FaultReport) => void;
}

/** Set by middleware, read behind it. */
interface Variables {
  platform: Platform;
  /** Aborted when the client leaves. */
  clientSignal: AbortSignal;
  /** `req_…` */
  requestId: string;
  /** Set by `authenticate`. */
  caller: Caller;
  /** Set by `recognize`. */
  presentedKey: RecognizedKey;
  /** Set by `bodyLimit`. */
  bodyBytes: number;
  /** Set by `bodyLimit`; not by routes that take no body. */
  bodyText: string;
  /** The account's limits as the hold found them; `null` before, and for whoever holds no live key. */
  limits: { found: AccountLimits | null };
  /** Spans for `server-timing`. */
  spans: { name: string; durationMs: number }[];
}

/** Hono's type for this app. */
export interface AppEnvironment {
  Bindings: Bindings;
  Variables: Variables;
}

/** The same behind `validateBody`. */
export interface BodyEnvironment<Body> {
  Bindings: Bindings;
  Variables: Variables & { body: Body };
}

/**
 * What a handler is given, with a checked body or without. What every generation passes reads its variables
 * by `get`: `var` copies all of them each time.
 */
export type AppContext = Pick<
  Context<AppEnvironment>,
  "body" | "env" | "executionCtx" | "get" | "header" | "json" | "req" | "var"
>;
/** What a handler behind `validateBody` is given. */
export type BodyContext<Body> = Context<BodyEnvironment<Body>>;
/** A step of the walk. */
export type AppMiddleware = MiddlewareHandler<AppEnvironment>;
