/** Every error as a response: one shape, one place. */
import type { ErrorHandler, Hono, NotFoundHandler } from "hono";
import { methodNotAllowed } from "hono/method-not-allowed";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { toApiError, toErrorBody } from "#shared/contracts/error-body.ts";
import { ApiError, ERROR_RULES } from "#shared/contracts/errors.ts";
import type { AppContext, AppEnvironment, AppMiddleware } from "../environment.ts";

/** SDKs ignore a longer wait. */
const MAX_RETRY_AFTER_SECONDS = 60;
/** Media type of RFC 9457, for whoever asks for it. */
const PROBLEM = "application/problem+json";
/** For a refusal that names no wait of its own. */
const DEFAULT_RETRY_AFTER_SECONDS = 1;

/** Answers whatever was thrown; what is our own fault is reported too. */
export const answerError: ErrorHandler<AppEnvironment> = (thrown, context) => {
  const error = toApiError(thrown);
  if (error.status >= 500) {
    context.var.platform.reportFault({ requestId: context.var.requestId, error, thrown });
  }
  return toResponse(error, context);
};

/** Answers a path that no route has. */
export const answerNotFound: NotFoundHandler<AppEnvironment> = (context) =>
  toResponse(new ApiError("not_found", "There is no such resource."), context);

/** Answers a path that has routes, yet none for this method. */
export function refuseMethods(app: Hono<AppEnvironment>): AppMiddleware {
  return methodNotAllowed({
    app,
    onMethodNotAllowed: (context, methods) => {
      const allow = methods.join(", ");
      const error = new ApiError("method_not_allowed", `This resource takes ${allow}.`);
      context.header("allow", allow);
      return toResponse(error, context);
    },
  });
}

function toResponse(error: ApiError, context: AppContext): Response {
  if (error.status === 401) context.header("www-authenticate", "Bearer");
  const { isRetryable } = ERROR_RULES[error.code];
  // Stock SDKs ask no further than this.
  context.header("x-should-retry", String(isRetryable));
  const isWaitWorthwhile = isRetryable && error.status < 500;
  if (isWaitWorthwhile || error.status === 503) {
    const seconds = Math.min(
      error.retryAfterSeconds ?? DEFAULT_RETRY_AFTER_SECONDS,
      MAX_RETRY_AFTER_SECONDS,
    );
    context.header("retry-after", String(Math.ceil(seconds)));
    context.header("retry-after-ms", String(Math.ceil(seconds * 1_000)));
  }
  const body = toErrorBody(error, context.var.requestId);
  const status = error.status as ContentfulStatusCode;
  if (!context.req.header("accept")?.includes(PROBLEM)) return context.json(body, status);
  return context.json({ ...toProblem(error), ...body }, status, { "content-type": PROBLEM });
}

/** The members of RFC 9457; what OpenAI's clients read stands beside them. */
function toProblem({ code, message, status }: ApiError): object {
  return { type: `/docs#${code}`, title: code.replaceAll("_", " "), status, detail: message };
}
