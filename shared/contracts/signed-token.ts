/**
 * Short signed statements between edge and node: grants and receipts.
 *
 * A token is `base64url(JSON) "." base64url(HMAC-SHA256)`. WebCrypto only, so that the same lines
 * run in workerd and in Node.
 */
import { HMAC, importHmacKey } from "./hmac-key.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Signs `payload` with `secret`. */
export async function signToken(payload: unknown, secret: string): Promise<string> {
  const body = toBase64Url(encoder.encode(JSON.stringify(payload)));
  const signature = await crypto.subtle.sign(
    HMAC,
    await importHmacKey(secret),
    encoder.encode(body),
  );
  return `${body}.${toBase64Url(new Uint8Array(signature))}`;
}

/**
 * The payload of a token whose signature holds, else `null`; also `null` for anything that is no
 * token. The payload's shape and its expiry are the caller's to check. Compares in constant time.
 */
export async function verifyToken(token: string, secret: string): Promise<unknown> {
  const [body, signature, ...rest] = token.split(".");
  if (!body || !signature || rest.length > 0) return null;
  const signatureBytes = fromBase64Url(signature);
  if (signatureBytes === null) return null;
  const holds = await crypto.subtle.verify(
    HMAC,
    await importHmacKey(secret),
    signatureBytes,
    encoder.encode(body),
  );
  const bodyBytes = holds ? fromBase64Url(body) : null;
  return bodyBytes === null ? null : JSON.parse(decoder.decode(bodyBytes));
}

function toBase64Url(bytes: Uint8Array): string {
  const base64 = btoa(String.fromCharCode(...bytes));
  return base64.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function fromBase64Url(text: string): Uint8Array<ArrayBuffer> | null {
  if (!/^[A-Za-z0-9_-]+$/.test(text)) return null;
  try {
    const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    // A function called for each character takes several times as long.
    const bytes = new Uint8Array(binary.length);
    for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
    return bytes;
  } catch {
    return null;
  }
}
