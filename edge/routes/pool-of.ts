import type { AppContext } from "../environment.ts";
import { openPool } from "../open-pool.ts";
import type { PoolAccess } from "../pool/pool-access.ts";

/** The pool as a request reaches it. */
export function poolOf({ env, executionCtx }: AppContext): PoolAccess {
  return openPool(env, (work) => executionCtx.waitUntil(work));
}
