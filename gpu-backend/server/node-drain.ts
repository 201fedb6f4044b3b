/** A node's way out, by whichever order: a signal, or `POST /drain`. */
import type { Engine } from "../engine/engine.ts";

/** Wait for what is handed back in the end: a forward pass and its last frame. */
const HAND_BACK_TIMEOUT_MS = 1_000;

export interface NodeDrainOptions {
  readonly engine: Pick<Engine, "drain" | "handBackAll">;
  /** How long running blocks may take to end, milliseconds. */
  readonly drainMs: number;
  readonly sleep: (durationMs: number) => Promise<unknown>;
}

/**
 * Drains a node once: no new work, running blocks end, and what is not done in time is handed back.
 *
 * @returns Begins it, or joins the one that has begun, whose time goes on; resolves when nothing is left
 *   or no more is waited for.
 */
export function createNodeDrain({ engine, drainMs, sleep }: NodeDrainOptions): () => Promise<void> {
  let ending: Promise<void> | null = null;
  const drain = async () => {
    const drained = engine.drain();
    await Promise.race([drained, sleep(drainMs)]);
    engine.handBackAll();
    await Promise.race([drained, sleep(HAND_BACK_TIMEOUT_MS)]);
  };
  return () => {
    ending ??= drain();
    return ending;
  };
}
