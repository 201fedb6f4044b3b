import type { AppMiddleware } from "../environment.ts";

/** An API's answers are data for one client: never cached, sniffed, framed or run. */
const HEADERS = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "strict-transport-security": "max-age=31536000; includeSubDomains",
  "x-content-type-options": "nosniff",
} as const;

const ENTRIES = Object.entries(HEADERS);

/**
 * Puts the security headers on every answer, but where a page has a policy of its own. On the answer as
 * it was made: what `context.header` takes beforehand is copied twice with it.
 */
export function securityHeaders(): AppMiddleware {
  return async function securityHeaders(context, next) {
    await next();
    const { headers } = context.res;
    const policy = headers.get("content-security-policy");
    for (const [name, value] of ENTRIES) headers.set(name, value);
    if (policy !== null) headers.set("content-security-policy", policy);
  };
}
