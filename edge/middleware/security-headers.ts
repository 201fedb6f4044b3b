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

/** Puts the security headers on every answer. */
export function securityHeaders(): AppMiddleware {
  return async function securityHeaders(context, next) {
    for (const [name, value] of Object.entries(HEADERS)) context.header(name, value);
    await next();
  };
}
