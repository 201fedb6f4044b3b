/** What nodes tell of themselves. */
import { ApiError } from "#shared/contracts/errors.ts";
import { nodeHeartbeatSchema, type PostedHeartbeat } from "#shared/contracts/pool.ts";
import { verifyToken } from "#shared/contracts/signed-token.ts";
import type { BodyContext } from "../environment.ts";
import { poolOf } from "./pool-of.ts";

/** How far a node's clock may be from ours: what was recorded cannot be said again later. */
const MAX_CLOCK_DIFFERENCE_MS = 60_000;

/**
 * `POST /internal/nodes/heartbeat`: takes a node into the pool, or hears that it is still there. Whoever
 * signs with the secret of grants is a node of the operator's, and says where it is to be reached.
 *
 * @throws {ApiError} `invalid_signature` if it was not signed, or at another time, or is no heartbeat.
 */
export async function takeHeartbeat(context: BodyContext<PostedHeartbeat>): Promise<Response> {
  const { heartbeat: token } = context.var.body;
  const heartbeat = nodeHeartbeatSchema.safeParse(
    await verifyToken(token, context.env.GRANT_SECRET),
  );
  if (!heartbeat.success) {
    throw new ApiError("invalid_signature", "The heartbeat is not signed, or is none.");
  }
  const differenceMs = Math.abs(context.var.platform.now() - heartbeat.data.sent_at);
  if (differenceMs > MAX_CLOCK_DIFFERENCE_MS) {
    throw new ApiError(
      "invalid_signature",
      "The heartbeat is of another time; compare the clocks.",
    );
  }
  await poolOf(context).find().hear(heartbeat.data);
  return context.json({ node_id: heartbeat.data.node_id });
}
