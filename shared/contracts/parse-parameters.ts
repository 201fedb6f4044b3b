/** From a body of JSON to checked parameters, each refusal naming the field. */
import type { z } from "zod";
import { ApiError } from "./errors.ts";

/** Longest part of a client's own field name that an error repeats, UTF-16 code units. */
const MAX_PARAM_CHARACTERS = 128;

/**
 * Parses JSON text.
 *
 * @throws {ApiError} `invalid_json`; the message repeats nothing of the text.
 */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ApiError("invalid_json", "The body is not valid JSON.", { cause });
  }
}

/**
 * Checks `value` against `schema` and reports the first thing wrong with it.
 *
 * @throws {ApiError} `unknown_parameter`, `missing_parameter` or `invalid_parameter`, `param` dotted.
 *   The messages say what was expected and never what was sent.
 */
export function parseParameters<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw issue === undefined
    ? new ApiError("invalid_parameter", "The body is not valid.")
    : describeIssue(issue, value);
}

function describeIssue(issue: z.core.$ZodIssue, value: unknown): ApiError {
  if (issue.code === "unrecognized_keys") {
    const param = dotted([...issue.path, issue.keys[0] ?? ""]);
    return new ApiError("unknown_parameter", `Unknown parameter: '${param}'.`, { param });
  }
  if (issue.path.length === 0) {
    return new ApiError("invalid_parameter", `The body is not valid: ${issue.message}.`);
  }
  const param = dotted(issue.path);
  if (valueAt(value, issue.path) === undefined) {
    return new ApiError("missing_parameter", `Missing required parameter: '${param}'.`, { param });
  }
  return new ApiError("invalid_parameter", `Invalid '${param}': ${issue.message}.`, { param });
}

function dotted(path: readonly PropertyKey[]): string {
  return path.map(String).join(".").slice(0, MAX_PARAM_CHARACTERS);
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let current = value;
  for (const key of path) {
    if (typeof current !== "object" || current === null || !Object.hasOwn(current, key)) {
      return undefined;
    }
    current = (current as Record<PropertyKey, unknown>)[key];
  }
  return current;
}
