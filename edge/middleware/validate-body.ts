/**
 * From a body of bytes to checked parameters.
 * Walk: step 3.
 */
import type { MiddlewareHandler } from "hono";
import type { z } from "zod";
import { ApiError } from "#shared/contracts/errors.ts";
import { parseJson } from "#shared/contracts/parse-parameters.ts";
import type { BodyEnvironment } from "../environment.ts";
import { checkBody } from "./check-body.ts";

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
    context.set("body", checkBody(schema, parseJson(context.get("bodyText"))));
    await next();
  };
}
