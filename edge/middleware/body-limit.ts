import { bodyLimit as limitBody } from "hono/body-limit";
import { ApiError } from "#shared/contracts/errors.ts";
import { MAX_BODY_BYTES } from "#shared/contracts/limits.ts";
import type { AppMiddleware } from "../environment.ts";

/**
 * Refuses a body of more than `MAX_BODY_BYTES`, by its announced length or while it is read.
 *
 * @throws {ApiError} `body_too_large`.
 */
export function bodyLimit(): AppMiddleware {
  return limitBody({
    maxSize: MAX_BODY_BYTES,
    onError: () => {
      throw new ApiError("body_too_large", `The body is longer than ${MAX_BODY_BYTES} bytes.`);
    },
  });
}
