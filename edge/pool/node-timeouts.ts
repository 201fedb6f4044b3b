/** How long a node may take, milliseconds. None of them ends a stream that goes on and is not too long. */
export interface NodeTimeouts {
  /** Until it has taken note of a cancelled generation. */
  readonly cancelMs: number;
  /** Until it has taken a request: its connection, and its own checks. */
  readonly connectMs: number;
  /** From then until the first frame of a generation, heartbeats not counted. */
  readonly firstFrameMs: number;
  /** Longest silence after it, heartbeats counted. */
  readonly silenceMs: number;
  /** The whole of one talk, however steady it is: shorter than a hold lives. */
  readonly totalMs: number;
}

/** A node heartbeats several times a second, and queues a request before it answers. */
const USUAL_PATIENCE_MS = 5_000;

/**
 * The timeouts of a deployment.
 *
 * @param patienceMs Until a node that says nothing is given up, whole milliseconds as text; five seconds
 *   when left out.
 * @throws Error for anything else.
 */
export function toNodeTimeouts(patienceMs?: string): NodeTimeouts {
  const ms = Number(patienceMs ?? USUAL_PATIENCE_MS);
  if (!Number.isInteger(ms) || ms < 1) throw new Error("NODE_PATIENCE_MS is whole milliseconds.");
  return { cancelMs: 2_000, connectMs: ms, firstFrameMs: ms, silenceMs: ms, totalMs: 840_000 };
}
