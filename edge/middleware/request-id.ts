import { createId } from "#shared/contracts/base62.ts";
import type { AppMiddleware } from "../environment.ts";

/**
 * Names every request, and its answer whatever it is, in `x-request-id`. A name that the client
 * sends is not taken: two requests must never share one.
 */
export function requestId(): AppMiddleware {
  return async function requestId(context, next) {
    const { now, randomBytes } = context.get("platform");
    const id = createId("req", now(), randomBytes);
    context.set("requestId", id);
    await next();
    context.res.headers.set("x-request-id", id);
  };
}
