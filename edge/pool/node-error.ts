/** A node's failures, as errors of the public API. */
import { ApiError, isErrorCode } from "#shared/contracts/errors.ts";
import type { NodeGenerationRequest, NodeInput } from "#shared/contracts/node-wire.ts";

/** A node that was started again is back within some seconds; what is said where nothing is known. */
const NO_NODE_RETRY_SECONDS = 5;
/** A queue moves by a few requests a second. */
const OVERLOADED_RETRY_SECONDS = 1;

/** No node that could be reached; `expectedInSeconds` tells when one should be there, at least 1. */
export function noReadyNode(cause?: unknown, expectedInSeconds: number | null = null): ApiError {
  return new ApiError("no_ready_node", "No node is ready. Try again shortly.", {
    retryAfterSeconds: expectedInSeconds ?? NO_NODE_RETRY_SECONDS,
    cause,
  });
}

/** A node that was heard no more: it, or the way to it, is gone. The request has no part in it. */
export class LostNodeError extends ApiError {
  constructor(message: string, cause?: unknown) {
    super("node_failed", message, { cause });
  }
}

/** An error as a node words it. */
export interface ReportedError {
  readonly code: string;
  readonly message: string;
  readonly param: string | null;
}

/**
 * A node's error as the client may see it, its field named as the public API does.
 *
 * @returns `node_failed` for a code that the table lacks.
 */
export function toPublicError(
  { code, message, param }: ReportedError,
  { input }: NodeGenerationRequest,
): ApiError {
  if (!isErrorCode(code)) return new ApiError("node_failed", "The node failed.");
  // A node that refuses the grant is at odds with the edge; the client's own key is good.
  if (code === "invalid_grant") return new ApiError("node_failed", "The node refused the edge.");
  if (code === "no_ready_node") return noReadyNode();
  // A state that the node cannot go on from is the edge's own doing; another node may.
  if (param === "resume_from")
    return new ApiError("node_failed", "The node cannot go on from here.");
  return new ApiError(code, message, {
    param: param === null ? null : toPublicParam(param, input),
    ...(code === "overloaded" ? { retryAfterSeconds: OVERLOADED_RETRY_SECONDS } : {}),
  });
}

function toPublicParam(param: string, input: NodeInput): string {
  if (param === "input") return toFieldName(input);
  if (input.type === "json") {
    return param
      .replace(/^parameters\./, "")
      .replace(/^schema\b/, "response_format.json_schema.schema");
  }
  return param.replace(/^parameters\./, "");
}

/** Where the client wrote what the generation begins from. */
function toFieldName(input: NodeInput): string {
  if (input.type === "score") return toFieldName(input.prompt);
  if ("messages" in input) return "messages";
  return input.type === "template" ? input.field : "prompt";
}
