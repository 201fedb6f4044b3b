/**
 * Run in a node's container before it is told to end: the node takes no more work and begins to hand back
 * what it has, while it still answers. So no edge that has not heard of it yet finds the door shut.
 *
 * Environment: the node's own `UNMASK_NODE_PORT` and `UNMASK_GRANT_SECRET`. Exit code 1 when the node
 * does not take the order; it then gets SIGTERM all the same.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { NODE_HEARTBEAT_INTERVAL_MS } from "#shared/contracts/pool.ts";
import { signToken } from "#shared/contracts/signed-token.ts";

/** The order is carried out on the spot. */
const ORDER_LIFETIME_MS = 10_000;
/** The node's next heartbeat, and what the edge's isolates remember of the one before. */
const UNTIL_KNOWN_MS = 2 * NODE_HEARTBEAT_INTERVAL_MS;

const { UNMASK_NODE_PORT: port = "", UNMASK_GRANT_SECRET: secret = "" } = process.env;
const order = await signToken(
  { type: "drain", expires_at: Date.now() + ORDER_LIFETIME_MS },
  secret,
);
const response = await fetch(`http://127.0.0.1:${port}/drain`, {
  method: "POST",
  headers: { authorization: `Bearer ${order}` },
});
if (response.ok) await sleep(UNTIL_KNOWN_MS);
else process.exitCode = 1;
