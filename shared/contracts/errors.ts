/**
 * The one table of error codes.
 *
 * Owns: every code that the edge, the node and the command line may answer with, its HTTP status,
 * its OpenAI error type and whether the same request may be sent again.
 * Does not own: how an error is written to a response (edge/middleware, gpu-backend/server).
 */

/** What a code means to a client. */
export interface ErrorRule {
  /** HTTP status, 400 to 599. */
  readonly status: number;
  /** OpenAI's `error.type`. */
  readonly type:
    | "invalid_request_error"
    | "authentication_error"
    | "permission_error"
    | "billing_error"
    | "idempotency_error"
    | "rate_limit_error"
    | "server_error";
  /** True when the same request may succeed later, unchanged. */
  readonly isRetryable: boolean;
}

const badRequest = { status: 400, type: "invalid_request_error", isRetryable: false } as const;
const unauthenticated = { status: 401, type: "authentication_error", isRetryable: false } as const;
const forbidden = { status: 403, type: "permission_error", isRetryable: false } as const;
const unpaid = { status: 402, type: "billing_error", isRetryable: false } as const;
const tooMany = { status: 429, type: "rate_limit_error", isRetryable: true } as const;
const serverFault = { status: 500, type: "server_error", isRetryable: true } as const;

/** Statements of fact, stable over releases. */
export const ERROR_RULES = {
  // The request's own fault.
  invalid_json: badRequest,
  invalid_parameter: badRequest,
  missing_parameter: badRequest,
  unknown_parameter: badRequest,
  unsupported_parameter: badRequest,
  empty_prompt: badRequest,
  context_length_exceeded: badRequest,
  max_tokens_exceeded: badRequest,
  block_length_not_a_divisor: badRequest,
  more_blocks_than_steps: badRequest,
  no_hole: badRequest,
  hole_length_invalid: badRequest,
  schema_not_supported: badRequest,
  schema_not_satisfiable: badRequest,
  model_not_found: { ...badRequest, status: 404 },
  not_found: { ...badRequest, status: 404 },
  method_not_allowed: { ...badRequest, status: 405 },
  body_too_large: { ...badRequest, status: 413 },
  unsupported_media_type: { ...badRequest, status: 415 },
  cancelled: { ...badRequest, status: 499 },
  // Keys and grants.
  missing_api_key: unauthenticated,
  invalid_api_key: unauthenticated,
  invalid_grant: unauthenticated,
  invalid_signature: badRequest,
  scope_not_allowed: forbidden,
  model_not_allowed: forbidden,
  tier_not_allowed: forbidden,
  // Money: waiting helps where requests in flight hold it, and nowhere else.
  max_price_exceeded: unpaid,
  insufficient_balance: unpaid,
  spending_limit_reached: unpaid,
  balance_held: { ...unpaid, isRetryable: true },
  // What a plan allows: in one request, and in a minute.
  plan_limit_exceeded: forbidden,
  request_rate_exceeded: tooMany,
  step_rate_exceeded: tooMany,
  concurrency_exceeded: tooMany,
  // One key, one request.
  idempotency_in_progress: {
    status: 409,
    type: "idempotency_error",
    isRetryable: true,
  },
  idempotency_mismatch: { status: 422, type: "idempotency_error", isRetryable: false },
  // The pool.
  overloaded: tooMany,
  no_ready_node: { status: 503, type: "server_error", isRetryable: true },
  node_failed: { status: 502, type: "server_error", isRetryable: true },
  // Sent again it would take, and cost, as much again.
  deadline_exceeded: { status: 504, type: "server_error", isRetryable: false },
  // Stripe.
  payments_unavailable: { status: 502, type: "server_error", isRetryable: true },
  session_failed: serverFault,
  internal_error: serverFault,
  // A checkpoint that cannot be served; met by the operator, never by a customer.
  checkpoint_not_found: { ...badRequest, status: 404 },
  checkpoint_corrupt: badRequest,
  config_not_supported: badRequest,
  tensor_missing: badRequest,
  tensor_not_supported: badRequest,
} as const satisfies Record<string, ErrorRule>;

/** One of the codes of {@link ERROR_RULES}. */
export type ErrorCode = keyof typeof ERROR_RULES;

/** Tells whether `value` is a code of the table. */
export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === "string" && Object.hasOwn(ERROR_RULES, value);
}

/** Figures by name, `snake_case`: `limit_source`, `required`, … */
export type ErrorMetadata = Readonly<Record<string, string | number>>;

/** A failure with a stable code; the only error whose message reaches a client. */
export class ApiError extends Error {
  readonly code: ErrorCode;
  /** The offending field as the client spelt it, dots and indexes between: `messages.0.role`. */
  readonly param: string | null;
  /** Seconds after which a retry is worth trying, for `Retry-After`; at most 60. */
  readonly retryAfterSeconds: number | null;
  /** Figures behind the refusal, told to the client. */
  readonly metadata: ErrorMetadata;

  /** @param message One sentence for the client: no prompt, no token, no key, no path of a server. */
  constructor(
    code: ErrorCode,
    message: string,
    options: {
      param?: string | null;
      retryAfterSeconds?: number;
      metadata?: ErrorMetadata;
      cause?: unknown;
    } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "ApiError";
    this.code = code;
    this.param = options.param ?? null;
    this.retryAfterSeconds = options.retryAfterSeconds ?? null;
    this.metadata = options.metadata ?? {};
  }

  /** HTTP status of the code. */
  get status(): number {
    return ERROR_RULES[this.code].status;
  }
}
