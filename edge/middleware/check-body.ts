/** What is wrong with a body, in the terms of the error table. Pure. */
import type { z } from "zod";
import { ApiError, type ErrorCode, isErrorCode } from "#shared/contracts/errors.ts";
import { parseParameters } from "#shared/contracts/parse-parameters.ts";

/**
 * Checks `value` against `schema`. A refinement that names a code (see `withCode`) is reported
 * before anything else that is wrong: it says more than its neighbours do.
 *
 * @throws {ApiError} `unknown_parameter`, `missing_parameter`, `invalid_parameter`, or the code that
 *   the schema gives a refinement.
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
