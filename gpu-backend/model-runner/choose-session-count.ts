import type { ExecutionProvider } from "./onnx-session.ts";

/** What decides how many sessions pay. */
export interface SessionCountFacts {
  readonly executionProvider: ExecutionProvider;
  /** Cores that one pass may take. */
  readonly coreCount: number;
  readonly parameterCount: number;
}

/** Most memory that the weights of all sessions together take by default. */
const MAX_WEIGHT_BYTES = 2 ** 30;
/** The runtime computes in float32, and lays the weights of its products out anew for itself. */
const BYTES_PER_PARAMETER = 8;

/**
 * Chooses how many sessions of one thread each run beside the one that has every core: one a core, or
 * none where the weights of so many would be too large, or a device of its own computes.
 */
export function chooseSessionCount(facts: SessionCountFacts): number {
  const { executionProvider, coreCount, parameterCount } = facts;
  if (executionProvider !== "cpu" || coreCount < 2) return 0;
  const weightBytes = (coreCount + 1) * parameterCount * BYTES_PER_PARAMETER;
  return weightBytes <= MAX_WEIGHT_BYTES ? coreCount : 0;
}
