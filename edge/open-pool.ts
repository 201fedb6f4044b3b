import type { Bindings } from "./environment.ts";
import type { PoolAccess, PoolStub } from "./pool/pool-access.ts";

/** One object for all nodes. */
const POOL_NAME = "pool";

/**
 * The pool behind this Worker's binding.
 *
 * @param waitUntil Of the request or object that asks.
 */
export function openPool(
  { POOL }: Pick<Bindings, "POOL">,
  waitUntil: (work: Promise<unknown>) => void,
): PoolAccess {
  return { find: (): PoolStub => POOL.getByName(POOL_NAME), waitUntil };
}
