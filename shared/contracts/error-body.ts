/** The one shape of an error response, at the edge and at a node. */
import { z } from "zod";
import { ApiError, ERROR_RULES, type ErrorCode, isErrorCode } from "./errors.ts";

const errorCodeSchema = z.custom<ErrorCode>(isErrorCode, "not a code of the error table");

/** OpenAI's error object, the request's id beside it. */
export const errorBodySchema = z.strictObject({
  error: z.strictObject({
    message: z.string(),
    type: z.string(),
    code: errorCodeSchema,
    /** The offending field, dotted: `messages.0.role`. */
    param: z.string().nullable(),
    /** Figures behind a refusal for money or limits: which limit, what is left, what it needs. */
    metadata: z.record(z.string(), z.union([z.string(), z.number()])).optional(),
  }),
  /** `null` where no request could be told from another yet. */
  request_id: z.string().nullable(),
});
export type ErrorBody = z.infer<typeof errorBodySchema>;

/** Writes `error` as the body of a response. */
export function toErrorBody(error: ApiError, requestId: string | null): ErrorBody {
  const { type } = ERROR_RULES[error.code];
  const { message, code, param, metadata } = error;
  const hasMetadata = Object.keys(metadata).length > 0;
  return {
    error: { message, type, code, param, ...(hasMetadata ? { metadata } : {}) },
    request_id: requestId,
  };
}

/**
 * Reads a thrown value as an error that a client may see. Anything but an {@link ApiError} becomes
 * `internal_error`, its own message kept as the cause only: it may hold a prompt or a path.
 */
export function toApiError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown;
  return new ApiError("internal_error", "The server failed to answer.", { cause: thrown });
}
