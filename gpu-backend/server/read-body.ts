import { ApiError } from "#shared/contracts/errors.ts";

/**
 * Reads a request's body as UTF-8 text, no more of it than allowed.
 *
 * A body that declares too great a length is refused untouched: the server can then drain it and keep
 * the connection. One that declares none is given up where it passes the limit.
 *
 * @throws {ApiError} `body_too_large`, or `invalid_json` for bytes that are no UTF-8.
 */
export async function readBody(request: Request, maxBytes: number): Promise<string> {
  if (Number(request.headers.get("content-length") ?? 0) > maxBytes) throw bodyTooLarge(maxBytes);
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let byteCount = 0;
  let text = "";
  for await (const chunk of readChunks(request)) {
    byteCount += chunk.byteLength;
    if (byteCount > maxBytes) throw bodyTooLarge(maxBytes);
    text += decode(decoder, chunk);
  }
  return text + decode(decoder);
}

/** Without cancelling at an early end, as a plain loop over the body would: that cuts the answer off. */
async function* readChunks(request: Request): AsyncGenerator<Uint8Array, void, void> {
  if (request.body === null) return;
  const reader = request.body.getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
}

function decode(decoder: InstanceType<typeof TextDecoder>, chunk?: Uint8Array): string {
  try {
    return decoder.decode(chunk, { stream: chunk !== undefined });
  } catch (cause) {
    throw new ApiError("invalid_json", "The body is not valid UTF-8.", { cause });
  }
}

function bodyTooLarge(maxBytes: number): ApiError {
  return new ApiError("body_too_large", `The body is larger than ${maxBytes} bytes.`);
}
