const encoder = new TextEncoder();

/** The one way in which anything is signed here. */
export const HMAC = { name: "HMAC", hash: "SHA-256" } as const;

type HmacKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

/** By their secrets: a process has a handful, and signs with them at every request. */
const keys = new Map<string, HmacKey>();

/** The key of `secret`, to sign and to verify with. */
export async function importHmacKey(secret: string): Promise<HmacKey> {
  const known = keys.get(secret);
  if (known !== undefined) return known;
  const raw = encoder.encode(secret);
  const key = await crypto.subtle.importKey("raw", raw, HMAC, false, ["sign", "verify"]);
  keys.set(secret, key);
  return key;
}
