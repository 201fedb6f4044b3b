/** An account's limits as headers: the IETF draft's two, and OpenAI's. */
import type { AccountLimits } from "../accounts/admission.ts";
import type { AppMiddleware } from "../environment.ts";

const WINDOW_SECONDS = 60;

/** Tells on every answer, a refusal too, how the limits stand that its hold found. */
export function limitHeaders(): AppMiddleware {
  return async function limitHeaders(context, next) {
    const limits: { found: AccountLimits | null } = { found: null };
    context.set("limits", limits);
    await next();
    if (limits.found === null) return;
    const { headers } = context.res;
    const told = Object.entries(toLimitHeaders(limits.found));
    for (const [name, value] of told) headers.set(name, value);
  };
}

function toLimitHeaders(limits: AccountLimits): Record<string, string> {
  const { requests, steps, maxConcurrency } = limits;
  const w = WINDOW_SECONDS;
  return {
    "ratelimit-policy":
      `"requests";q=${requests.limit};w=${w}, "steps";q=${steps.limit};w=${w};qu="steps", ` +
      `"concurrency";q=${maxConcurrency}`,
    ratelimit:
      `"requests";r=${requests.remaining};t=${toSeconds(requests.resetMs)}, ` +
      `"steps";r=${steps.remaining};t=${toSeconds(steps.resetMs)}`,
    "x-ratelimit-limit-requests": String(requests.limit),
    "x-ratelimit-remaining-requests": String(requests.remaining),
    "x-ratelimit-reset-requests": toDuration(requests.resetMs),
    "x-ratelimit-limit-steps": String(steps.limit),
    "x-ratelimit-remaining-steps": String(steps.remaining),
    "x-ratelimit-reset-steps": toDuration(steps.resetMs),
  };
}

function toSeconds(ms: number): number {
  return Math.ceil(ms / 1_000);
}

/** As OpenAI writes it: `0s`, `12ms`, `1.5s`, `1m0s`. */
function toDuration(ms: number): string {
  if (ms === 0) return "0s";
  if (ms < 1_000) return `${ms}ms`;
  if (ms < 60_000) return `${ms / 1_000}s`;
  return `${Math.floor(ms / 60_000)}m${(ms % 60_000) / 1_000}s`;
}
