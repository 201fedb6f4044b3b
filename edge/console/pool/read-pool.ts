import type { NodeHeartbeat, NodeList, ScalingAnswer } from "../../../shared/contracts/pool.ts";
import { Http } from "../../../shared/sdk/http.ts";

/** The pool as it stands. */
export interface PoolState {
  readonly scaling: ScalingAnswer;
  readonly nodes: readonly NodeHeartbeat[];
}

const TIMEOUT_MS = 5_000;

/**
 * Asks for the scaling decision and the nodes behind it.
 *
 * @throws {UnmaskError} as every call of the API does.
 */
export async function readPool(operatorSecret: string, signal: AbortSignal): Promise<PoolState> {
  const http = new Http({
    baseUrl: new URL("/internal", location.href).href,
    apiKey: operatorSecret,
    maxRetries: 0,
    timeoutMs: TIMEOUT_MS,
    fetch: (input, init) => fetch(input, init),
    random: Math.random,
  });
  const [scaling, { data: nodes }] = await Promise.all([
    http.read<ScalingAnswer>({ method: "GET", path: "/scaling", signal }),
    http.read<NodeList>({ method: "GET", path: "/nodes", signal }),
  ]);
  return { scaling, nodes };
}
