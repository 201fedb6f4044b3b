/**
 * Who is in the pool: what nodes tell of themselves, and how many of them are wanted.
 *
 * A node posts a {@link PostedHeartbeat} to the edge's `/internal/nodes/heartbeat` every
 * {@link NODE_HEARTBEAT_INTERVAL_MS}; one of which three are missed is gone. `GET /internal/scaling`
 * answers {@link ScalingAnswer}.
 */
import { z } from "zod";
import { nodeModelSchema } from "./node-wire.ts";

/** How often a node tells that it is there. */
export const NODE_HEARTBEAT_INTERVAL_MS = 1_000;
/** Silence after which a node is gone: three heartbeats, and what the third may be late. */
export const NODE_ABSENCE_MS: number = 3 * NODE_HEARTBEAT_INTERVAL_MS + 500;
/** Goes up with what nodes of another kind would not understand: the wire, and states of runs. */
export const NODE_VERSION = "1";
/** Shapes whose step time a heartbeat tells, at most: those served last. */
export const MAX_STEP_TIMES = 32;

/**
 * Where the edge reaches a node: `http` or `https`, a host, and a path where a proxy finds the node by
 * one. No slash at the end, no credentials, no query.
 */
export const nodeUrlSchema: z.ZodType<string, string> = z
  .string()
  .max(512)
  .refine(
    (text) => isNodeUrl(text),
    "must be an http or https URL without credentials, query or fragment",
  );

function isNodeUrl(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) return false;
  const plain = `${url.protocol}//${url.host}${url.pathname}`;
  return url.hostname !== "" && (text === plain || `${text}/` === plain) && !text.endsWith("/");
}

/** What a node tells of itself. */
export const nodeHeartbeatSchema = z.strictObject({
  type: z.literal("heartbeat"),
  /** Names the node also after a restart. */
  node_id: z.string().min(1).max(128),
  url: nodeUrlSchema,
  /** Epoch milliseconds by the node's clock; later ones replace earlier ones. */
  sent_at: z.int(),
  /** Of what it says and understands: {@link NODE_VERSION} of its software. */
  version: z.string().max(64),
  model: nodeModelSchema,
  /** It takes no more work. */
  is_draining: z.boolean(),
  /** Rows of one forward pass. */
  max_batch_rows: z.int().min(1),
  /** Requests that may wait beyond one pass. */
  max_queue: z.int().min(0),
  /** Requests that have had a pass, and those that have not. */
  running_count: z.int().min(0),
  waiting_count: z.int().min(0),
  /** Step units that those still need at most. */
  running_step_units: z.int().min(0),
  queued_step_units: z.int().min(0),
  /**
   * Step units a second while it has any to execute, over its passes of late; 0 before the first, and of
   * nodes that do not tell it.
   */
  step_units_per_second: z.number().min(0).default(0),
  /** Moving average of one step's milliseconds over all shapes; 0 before the first. */
  step_ms: z.number().min(0),
  /** The same by the shape of a pass. */
  step_times: z
    .array(z.strictObject({ shape: z.string().max(32), step_ms: z.number().min(0) }))
    .max(MAX_STEP_TIMES),
});
export type NodeHeartbeat = z.infer<typeof nodeHeartbeatSchema>;

/** Body of the edge's `POST /internal/nodes/heartbeat`: signed with the secret of grants. */
export const postedHeartbeatSchema = z.strictObject({ heartbeat: z.string().min(1).max(16_384) });
export type PostedHeartbeat = z.infer<typeof postedHeartbeatSchema>;

/**
 * What a node's `POST /drain` bears, signed with the secret of grants: it takes no more, and hands back
 * what it has for other nodes to go on with.
 */
export const drainOrderSchema = z.strictObject({
  type: z.literal("drain"),
  /** Epoch milliseconds. */
  expires_at: z.int(),
});

/** A node as the edge last heard of it. */
export interface NodeSnapshot extends NodeHeartbeat {
  /** Epoch milliseconds by the edge's clock. */
  readonly heardAt: number;
}

/** What `GET /internal/scaling` answers: what a scaler of nodes acts upon, and why. */
export const scalingAnswerSchema = z.strictObject({
  object: z.literal("scaling"),
  /** Nodes that there should be. */
  desired_nodes: z.int().min(0),
  /** Nodes that take work. */
  ready_nodes: z.int().min(0),
  /** Nodes that are finishing theirs. */
  draining_nodes: z.int().min(0),
  /** Requests that wait at the edge because no node is ready. */
  waiting_requests: z.int().min(0),
  /** Step units of those and of what waits at the nodes. */
  backlog_step_units: z.int().min(0),
  /** Step units that started requests still need. */
  running_step_units: z.int().min(0),
});
export type ScalingAnswer = z.infer<typeof scalingAnswerSchema>;

/** Answer of `GET /internal/nodes`, in the order in which they came. */
export interface NodeList {
  readonly object: "list";
  readonly data: readonly NodeHeartbeat[];
}
