import { ApiError } from "#shared/contracts/errors.ts";
import { MAX_BODY_BYTES } from "#shared/contracts/limits.ts";
import type { AppMiddleware } from "../environment.ts";

/**
 * A client that is still sending when it is answered sees a broken connection instead of the
 * answer. So what is too long is read to its end and thrown away, but no more of it than this.
 */
const MAX_DRAINED_BYTES = 32 * MAX_BODY_BYTES;

const decoder = new TextDecoder();

/**
 * Refuses a body of more than `MAX_BODY_BYTES`, whatever length it announced, and sets `bodyText` and
 * `bodyBytes`.
 *
 * @throws {ApiError} `body_too_large`.
 */
export function bodyLimit(): AppMiddleware {
  return async function bodyLimit(context, next) {
    const bytes = await readBody(context.req.raw);
    context.set("bodyBytes", bytes.byteLength);
    context.set("bodyText", decoder.decode(bytes));
    await next();
  };
}

async function readBody(request: Request): Promise<ArrayBuffer> {
  if (request.body === null) return new ArrayBuffer();
  const announced = request.headers.get("content-length");
  // No more than what was announced arrives, so that one read is enough.
  const isSmall = announced !== null && Number(announced) <= MAX_BODY_BYTES;
  return isSmall ? await request.arrayBuffer() : await readWithinLimit(request.body);
}

async function readWithinLimit(stream: ReadableStream<Uint8Array>): Promise<ArrayBuffer> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let byteCount = 0;
  const reader = stream.getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    byteCount += next.value.byteLength;
    if (byteCount <= MAX_BODY_BYTES) chunks.push(Uint8Array.from(next.value));
    if (byteCount > MAX_DRAINED_BYTES) break;
  }
  if (byteCount <= MAX_BODY_BYTES) return await new Blob(chunks).arrayBuffer();
  throw new ApiError("body_too_large", `The body is longer than ${MAX_BODY_BYTES} bytes.`);
}
