/** A node's failures, as errors of the public API. */
import { ApiError, isErrorCode } from "#shared/contracts/errors.ts";

/** A node that was started again is back within some seconds. */
const NO_NODE_RETRY_SECONDS = 5;
/** A queue moves by a few requests a second. */
const OVERLOADED_RETRY_SECONDS = 1;

/** No node that could be reached. */
export function noReadyNode(cause?: unknown): ApiError {
  return new ApiError("no_ready_node", "No node is ready. Try again shortly.", {
    retryAfterSeconds: NO_NODE_RETRY_SECONDS,
    cause,
  });
}

/** An error as a node reported it; a code that the table lacks becomes `node_failed`. */
export function reportedError(code: string, message: string, param: string | null): ApiError {
  if (!isErrorCode(code)) return new ApiError("node_failed", "The node failed.");
  // A node that refuses the grant is at odds with the edge; the client's own key is good.
  if (code === "invalid_grant") return new ApiError("node_failed", "The node refused the edge.");
  return new ApiError(code, message, {
    param,
    ...(code === "overloaded" ? { retryAfterSeconds: OVERLOADED_RETRY_SECONDS } : {}),
  });
}
