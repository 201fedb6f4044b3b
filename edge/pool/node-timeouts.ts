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
export const NODE_TIMEOUTS: NodeTimeouts = {
  cancelMs: 2_000,
  connectMs: 5_000,
  firstFrameMs: 5_000,
  silenceMs: 5_000,
  totalMs: 840_000,
};
