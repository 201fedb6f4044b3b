import type { NodeList } from "#shared/contracts/pool.ts";
import type { AppContext } from "../environment.ts";
import { poolOf } from "./pool-of.ts";

/** `GET /internal/scaling`: how many nodes there should be, and why; for whoever starts and ends them. */
export async function readScaling(context: AppContext): Promise<Response> {
  return context.json(await poolOf(context).find().readScaling());
}

/** `GET /internal/nodes`: what each node of the pool last told of itself; for the operator. */
export async function listNodes(context: AppContext): Promise<Response> {
  const { nodes } = await poolOf(context).find().read();
  const data = nodes.map(({ heardAt: _, ...heartbeat }) => heartbeat);
  return context.json({ object: "list", data } satisfies NodeList);
}
