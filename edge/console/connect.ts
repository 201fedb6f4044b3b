import { Unmask } from "../../shared/sdk/unmask.ts";
import type { Credentials } from "./credentials.ts";

/** What is left of the account's limits, as the last answer told it. */
export interface Limits {
  readonly requestsLimit: string;
  readonly requestsLeft: string;
  readonly stepsLimit: string;
  readonly stepsLeft: string;
}

/** The API, as this visitor reaches it; a client is `null` where its key is missing. */
export interface Connection {
  /** Of the inference key. */
  readonly inference: Unmask | null;
  /** Of the management key. */
  readonly management: Unmask | null;
  /** `null` before the first answer that tells them. */
  readLimits(): Limits | null;
}

/** Connects to the API that serves this page. */
export function connect({ apiKey, managementKey }: Credentials): Connection {
  const baseUrl = new URL("/v1", location.href).href;
  let limits: Limits | null = null;
  const watchedFetch: typeof fetch = async (input, init) => {
    const response = await fetch(input, init);
    limits = readHeaders(response.headers) ?? limits;
    return response;
  };
  const open = (key: string) =>
    key === "" ? null : new Unmask({ apiKey: key, baseUrl, fetch: watchedFetch });
  return {
    inference: open(apiKey),
    management: open(managementKey),
    readLimits: () => limits,
  };
}

function readHeaders(headers: Headers): Limits | null {
  const stepsLimit = headers.get("x-ratelimit-limit-steps");
  if (stepsLimit === null) return null;
  return {
    requestsLimit: headers.get("x-ratelimit-limit-requests") ?? "",
    requestsLeft: headers.get("x-ratelimit-remaining-requests") ?? "",
    stepsLimit,
    stepsLeft: headers.get("x-ratelimit-remaining-steps") ?? "",
  };
}
