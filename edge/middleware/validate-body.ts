/**
 * From a body of bytes to checked parameters.
 * Walk: step 3.
 */
import type { MiddlewareHandler } from "hono";
import type { z } from "zod";
import { ApiError, type ErrorCode, isErrorCode } from "#shared/contracts/errors.ts";
import { parseJson, parseParameters } from "#shared/contracts/parse-parameters.ts";
import type { BodyEnvironment } from "../environment.ts";

/**
 * Checks the body against `schema` and sets `body`.
 *
 * @throws {ApiError} `unsupported_media_type`, `invalid_json`, `unknown_parameter`,
 *   `missing_parameter`, `invalid_parameter`, or the code that the schema gives a refinement.
 */
export function validateBody<Schema extends z.ZodType>(
  schema: Schema,
): MiddlewareHandler<BodyEnvironment<z.output<Schema>>> {
  return async function validateBody(context, next) {
    const mediaType = context.req.header("content-type") ?? "application/json";
    if (!/^application\/json\b/i.test(mediaType)) {
      throw new ApiError("unsupported_media_type", "Send the body as 'application/json'.");
    }
    context.set("body", checkBody(schema, parseJson(await context.req.text())));
    await next();
  };
}

/**
 * Checks `value` against `schema`. A refinement that names a code (see `withCode`) is reported
 * before anything else that is wrong: it says more than its neighbours do.
 *
 * @throws {ApiError} as {@link validateBody}.
 */
export function checkBody<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = findCodedIssue(result.error.issues, []);
  // Without a code of its own the first issue is told as everywhere else.
  if (issue === null) return parseParameters(schema, value);
  const param = issue.path.join(".");
  throw new ApiError(issue.code, `Invalid '${param}': ${issue.message}.`, { param });
}

interface CodedIssue {
  readonly code: ErrorCode;
  readonly path: PropertyKey[];
  readonly message: string;
}

/** The first issue with a code of its own, also inside the branches of a union. */
function findCodedIssue(
  issues: readonly z.core.$ZodIssue[],
  parentPath: readonly PropertyKey[],
): CodedIssue | null {
  for (const issue of issues) {
    const path = [...parentPath, ...issue.path];
    const code = issue.code === "custom" ? issue.params?.["code"] : null;
    if (isErrorCode(code)) return { code, path, message: issue.message };
    const branches = issue.code === "invalid_union" ? issue.errors.flat() : [];
    const nested = findCodedIssue(branches, path);
    if (nested !== null) return nested;
  }
  return null;
}
