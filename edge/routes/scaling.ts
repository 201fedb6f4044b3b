import type { AppContext } from "../environment.ts";
import { poolOf } from "./pool-of.ts";

/** `GET /internal/scaling`: how many nodes there should be, and why; for whoever starts and ends them. */
export async function readScaling(context: AppContext): Promise<Response> {
  return context.json(await poolOf(context).find().readScaling());
}
