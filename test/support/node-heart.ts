/** The heartbeats of a node that a test plays itself: what a real one sends by its own. */
import { nodeModelSchema } from "../../shared/contracts/node-wire.ts";
import { NODE_HEARTBEAT_INTERVAL_MS, type NodeHeartbeat } from "../../shared/contracts/pool.ts";
import { signToken } from "../../shared/contracts/signed-token.ts";
import { createIdleHeartbeat } from "./idle-heartbeat.ts";

/** What an edge is told of a node. */
export interface NodeHeart {
  readonly edgeUrl: string;
  /** Answers `GET /model`. */
  readonly nodeUrl: string;
  readonly grantSecret: string;
}

/** Tells an edge of a node until it is stopped, for as long as the node answers. */
export async function startHeart(heart: NodeHeart): Promise<{ stop(): void }> {
  const beat = async () => void (await beatOnce(heart).catch(() => undefined));
  const timer = setInterval(beat, NODE_HEARTBEAT_INTERVAL_MS);
  await beat();
  return { stop: () => clearInterval(timer) };
}

/** Tells it once, `changes` on top of what an idle node says. */
export async function beatOnce(
  { edgeUrl, nodeUrl, grantSecret }: NodeHeart,
  changes: Partial<NodeHeartbeat> = {},
): Promise<Response> {
  const model = nodeModelSchema.parse(await (await fetch(`${nodeUrl}/model`)).json());
  const heartbeat = createIdleHeartbeat(nodeUrl, model, { sent_at: Date.now(), ...changes });
  return await fetch(`${edgeUrl}/internal/nodes/heartbeat`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ heartbeat: await signToken(heartbeat, grantSecret) }),
  });
}
