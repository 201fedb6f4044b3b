import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import type { z } from "zod";
import { ApiError } from "#shared/contracts/errors.ts";

/**
 * Reads a JSON request for a command and checks it.
 *
 * @param file Path of the file; `-` is standard input.
 * @param schema Objects in it are strict (`z.strictObject`), so that no field is ignored.
 * @throws {ApiError} `invalid_json`, `unknown_parameter`, `missing_parameter` or
 *   `invalid_parameter`; `param` is the dotted path of the field.
 */
export async function readRequest<Schema extends z.ZodType>(
  file: string,
  schema: Schema,
): Promise<z.output<Schema>> {
  const value = parseJson(await readText(file));
  const result = schema.safeParse(value);
  if (!result.success) {
    throw toApiError(result.error, value);
  }
  return result.data;
}

async function readText(file: string): Promise<string> {
  try {
    return file === "-" ? await text(process.stdin) : await readFile(file, "utf8");
  } catch (cause) {
    throw new ApiError("invalid_parameter", "The request file cannot be read.", {
      param: "request",
      cause,
    });
  }
}

function parseJson(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch {
    // The parser's own message quotes the content.
    throw new ApiError("invalid_json", "The request is not valid JSON.");
  }
}

function toApiError(error: z.ZodError, value: unknown): ApiError {
  const issue = error.issues[0];
  if (issue === undefined) {
    return new ApiError("invalid_parameter", "The request is not valid.");
  }
  if (issue.code === "unrecognized_keys") {
    const param = [...issue.path, issue.keys[0] ?? ""].map(String).join(".");
    return new ApiError("unknown_parameter", `Unknown field ${param}.`, { param });
  }
  const param = issue.path.map(String).join(".");
  if (issue.code === "invalid_type" && isAbsent(value, issue.path)) {
    return new ApiError("missing_parameter", `The field ${param} is missing.`, { param });
  }
  const subject = param === "" ? "The request" : `The field ${param}`;
  return new ApiError("invalid_parameter", `${subject} is not valid: ${issue.message}.`, {
    param: param === "" ? null : param,
  });
}

function isAbsent(value: unknown, path: readonly PropertyKey[]): boolean {
  let current = value;
  for (const key of path) {
    if (typeof current !== "object" || current === null || !Object.hasOwn(current, key)) {
      return true;
    }
    current = (current as Record<PropertyKey, unknown>)[key];
  }
  return false;
}
