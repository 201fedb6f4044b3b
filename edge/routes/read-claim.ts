/** Which other requests a request is the same as. */
import { ApiError } from "#shared/contracts/errors.ts";
import { sha256Hex } from "#shared/contracts/sha-256.ts";
import type { Claim } from "../accounts/claims.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
/** Longer than a stock SDK goes on trying. */
const RETRY_WINDOW_MS = 10 * 60 * 1000;

/**
 * The claim of a request: by its `Idempotency-Key`, else, when a stock SDK sends it, by what it asks
 * for. Such SDKs retry without a key and count their tries: the first is a request of its own, later
 * ones are the same again. `null` for a request that stands for itself alone.
 *
 * @param body The checked body: equal ones spell the same, whatever the client's spaces and order.
 * @throws {ApiError} `invalid_parameter` for a key of no characters, too many or unprintable ones.
 */
export function readClaim(headers: Headers, path: string, body: unknown): Claim | null {
  const toFingerprint = () => sha256Hex(`${path}\n${JSON.stringify(body)}`);
  const key = readIdempotencyKey(headers);
  if (key !== null) {
    return { key: `key:${key}`, fingerprint: toFingerprint(), mayReplay: true, lifetimeMs: DAY_MS };
  }
  const tries = /^\d{1,3}$/.exec(headers.get("x-stainless-retry-count") ?? "")?.[0];
  if (tries === undefined) return null;
  const fingerprint = toFingerprint();
  return {
    key: `body:${fingerprint}`,
    fingerprint,
    mayReplay: Number(tries) > 0,
    lifetimeMs: RETRY_WINDOW_MS,
  };
}

/**
 * What a client names its call, if it does.
 *
 * @throws {ApiError} `invalid_parameter` for a key of no characters, too many or unprintable ones.
 */
export function readIdempotencyKey(headers: Headers): string | null {
  const key = headers.get("idempotency-key");
  if (key === null || /^[\x20-\x7e]{1,255}$/.test(key)) return key;
  throw new ApiError("invalid_parameter", "The idempotency key has 1 to 255 ASCII characters.", {
    param: "Idempotency-Key",
  });
}
