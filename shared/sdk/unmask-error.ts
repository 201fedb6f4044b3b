import type { ErrorCode } from "../contracts/errors.ts";
import type { ApiErrorBody } from "./api-types.ts";

/** What failed on this side of the connection. */
export type ClientErrorCode = "connection_failed" | "timeout" | "aborted" | "invalid_answer";

/** A call that failed: refused by the API, or never answered by it. */
export class UnmaskError extends Error {
  /** Stable; the API's own table, or {@link ClientErrorCode}. */
  readonly code: ErrorCode | ClientErrorCode;
  /** The offending field, dotted; `null` where there is none. */
  readonly param: string | null;
  /** HTTP status; `null` where there was no answer. */
  readonly status: number | null;
  /** Names the request to whoever runs the API. */
  readonly requestId: string | null;
  /** Seconds after which another try is worth it. */
  readonly retryAfterSeconds: number | null;
  /** Figures behind a refusal: which limit, what is left, what it needs. */
  readonly metadata: Readonly<Record<string, string | number>>;

  constructor(
    code: ErrorCode | ClientErrorCode,
    message: string,
    options: {
      param?: string | null;
      status?: number | null;
      requestId?: string | null;
      retryAfterSeconds?: number | null;
      metadata?: Readonly<Record<string, string | number>> | undefined;
      cause?: unknown;
    } = {},
  ) {
    super(message, { cause: options.cause });
    this.name = "UnmaskError";
    this.code = code;
    this.param = options.param ?? null;
    this.status = options.status ?? null;
    this.requestId = options.requestId ?? null;
    this.retryAfterSeconds = options.retryAfterSeconds ?? null;
    this.metadata = options.metadata ?? {};
  }
}

/** Where an error was told. */
interface Told {
  readonly status: number | null;
  readonly requestId: string | null;
  readonly retryAfterSeconds?: number | null;
}

/** The API's error object as an error. */
export function toUnmaskError(error: ApiErrorBody, told: Told): UnmaskError {
  const { code, message, param, metadata } = error;
  return new UnmaskError(code, message, { param, metadata, ...told });
}
