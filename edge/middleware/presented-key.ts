/** Where a client may put its key, and where it must not. */
import { ApiError } from "#shared/contracts/errors.ts";

/** Names that other APIs give a key in an address. */
const KEY_PARAMETERS = ["api_key", "api-key", "apikey", "key", "access_token", "token"];

/**
 * The key of `authorization: Bearer …` or else of `x-api-key`.
 *
 * @throws {ApiError} `missing_api_key`; `invalid_api_key` when the address holds a key, which is then
 *   in logs and histories that nobody can empty.
 */
export function readPresentedKey(headers: Headers, url: string): string {
  if (url.includes("?") && hasKeyInAddress(new URL(url))) {
    throw new ApiError(
      "invalid_api_key",
      "Send the key in the authorization header, never in the address; revoke this one.",
    );
  }
  const bearer = /^Bearer +(\S+) *$/i.exec(headers.get("authorization") ?? "")?.[1];
  const key = bearer ?? headers.get("x-api-key")?.trim();
  if (key) return key;
  throw new ApiError("missing_api_key", "Send your API key as 'authorization: Bearer <key>'.");
}

function hasKeyInAddress(url: URL): boolean {
  const entries = [...url.searchParams];
  return entries.some(
    ([name, value]) =>
      KEY_PARAMETERS.includes(name.toLowerCase()) || /unm_(live|test)_/.test(name + value),
  );
}
