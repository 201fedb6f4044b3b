import type { AppContext } from "../environment.ts";

/** `GET /healthz`: the edge itself answers; nodes are the pool's matter. */
export function answerHealth(context: AppContext): Response {
  return context.json({ status: "ok" });
}
