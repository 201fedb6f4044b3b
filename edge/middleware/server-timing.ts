import type { AppMiddleware } from "../environment.ts";

/** Says in `server-timing` how long the answer's parts took until its first byte. */
export function serverTiming(): AppMiddleware {
  return async function serverTiming(context, next) {
    const { now } = context.get("platform");
    const startedAt = now();
    context.set("spans", []);
    await next();
    const spans = [...context.get("spans"), { name: "total", durationMs: now() - startedAt }];
    const value = spans.map(({ name, durationMs }) => `${name};dur=${durationMs}`).join(", ");
    // Not by `context.header`, which would make the whole response anew.
    context.res.headers.set("server-timing", value);
  };
}
