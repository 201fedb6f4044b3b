/**
 * One call of the API: retried as one call, whatever the network does.
 *
 * Owns: headers, timeouts, when a call is tried again and how long that waits.
 * Does not own: what a call asks for (unmask.ts), or the stream of a generation (generation-stream.ts).
 */
import type { ApiErrorBody } from "./api-types.ts";
import { toUnmaskError, UnmaskError } from "./unmask-error.ts";

/** Where and how calls are made. */
export interface HttpOptions {
  /** Ends with `/v1`. */
  readonly baseUrl: string;
  readonly apiKey: string;
  /** Tries after the first. */
  readonly maxRetries: number;
  /** Longest wait for an answer's headers, and for its body where it is not a stream. */
  readonly timeoutMs: number;
  readonly fetch: typeof fetch;
  /** In [0, 1): spreads the waits between tries. */
  readonly random: () => number;
}

/** One call. */
export interface Call {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  /** Below the base URL, with its query. */
  readonly path: string;
  readonly body?: unknown;
  /** Makes all tries of the call one request; without it, only a `GET` is tried again. */
  readonly idempotencyKey?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
}

/** An answer whose body is unread, and what ends the wait for it. */
interface Attempt {
  readonly response: Response;
  readonly timer: ReturnType<typeof setTimeout>;
}

/** Why a call was given up. */
class TimedOut extends Error {}

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 8_000;

/** Makes calls. */
export class Http {
  readonly options: HttpOptions;

  constructor(options: HttpOptions) {
    this.options = options;
  }

  /**
   * Calls, and reads the answer.
   *
   * @throws {UnmaskError} the API's refusal, or `connection_failed`, `timeout`, `aborted`,
   *   `invalid_answer`.
   */
  async read<Answer>(call: Call): Promise<Answer> {
    const { response, timer } = await this.#send(call);
    try {
      return (await response.json()) as Answer;
    } catch (cause) {
      throw cause instanceof SyntaxError
        ? new UnmaskError("invalid_answer", "The answer is no JSON.", { cause })
        : toLocalError(cause, call.signal);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Calls, and returns the answer's body as it comes, however long that takes; throws as {@link read}. */
  async open(call: Call): Promise<ReadableStream<Uint8Array>> {
    const { response, timer } = await this.#send(call);
    clearTimeout(timer);
    if (response.body === null) throw new UnmaskError("invalid_answer", "The answer has no body.");
    return response.body;
  }

  async #send(call: Call): Promise<Attempt> {
    const isRepeatable = call.method === "GET" || call.idempotencyKey !== undefined;
    for (let tries = 0; ; tries += 1) {
      try {
        return await this.#try(call);
      } catch (error) {
        const mayRetry = isRepeatable && tries < this.options.maxRetries && isPassing(error);
        if (!mayRetry) throw error;
        await this.wait(tries, error, call.signal);
      }
    }
  }

  /**
   * Waits before another try: what the API asked for, else twice as long each time.
   *
   * @throws {UnmaskError} `aborted`.
   */
  async wait(tries: number, error: unknown, signal: AbortSignal | undefined): Promise<void> {
    const asked = error instanceof UnmaskError ? error.retryAfterSeconds : null;
    const grown = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** tries);
    const waitMs = asked === null ? grown * (0.5 + this.options.random() / 2) : asked * 1_000;
    await sleep(waitMs, signal);
  }

  async #try(call: Call): Promise<Attempt> {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(new TimedOut()), this.options.timeoutMs);
    const signal = call.signal ? AbortSignal.any([call.signal, late.signal]) : late.signal;
    try {
      const response = await this.options.fetch(`${this.options.baseUrl}${call.path}`, {
        method: call.method,
        headers: this.#headers(call),
        signal,
        ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
      });
      if (!response.ok) throw await readRefusal(response);
      return { response, timer };
    } catch (cause) {
      clearTimeout(timer);
      throw cause instanceof UnmaskError ? cause : toLocalError(cause, call.signal);
    }
  }

  #headers(call: Call): Record<string, string> {
    return {
      authorization: `Bearer ${this.options.apiKey}`,
      accept: "application/json",
      ...(call.body === undefined ? {} : { "content-type": "application/json" }),
      ...(call.idempotencyKey === undefined ? {} : { "idempotency-key": call.idempotencyKey }),
      ...call.headers,
    };
  }
}

/** True where the same call may succeed later. */
export function isPassing(error: unknown): boolean {
  if (!(error instanceof UnmaskError)) return false;
  if (error.code === "aborted" || error.code === "invalid_answer") return false;
  if (error.status === null) return true;
  return error.retryAfterSeconds !== null || error.status >= 500;
}

async function readRefusal(response: Response): Promise<UnmaskError> {
  const { status, headers } = response;
  const requestId = headers.get("x-request-id");
  const retryAfter = Number(headers.get("retry-after") ?? Number.NaN);
  // The API says which of its own refusals pass; without it, the status does.
  const isHopeless = headers.get("x-should-retry") === "false";
  const retryAfterSeconds = isHopeless || !Number.isFinite(retryAfter) ? null : retryAfter;
  const body: unknown = await response.json().catch(() => null);
  const error = (body as { error?: ApiErrorBody } | null)?.error;
  const told = { status, requestId, retryAfterSeconds };
  if (typeof error?.code === "string") return toUnmaskError(error, told);
  return new UnmaskError("invalid_answer", `HTTP status ${status} without an error object.`, told);
}

function toLocalError(cause: unknown, signal: AbortSignal | undefined): UnmaskError {
  if (signal?.aborted) return new UnmaskError("aborted", "The call was aborted.", { cause });
  return cause instanceof TimedOut
    ? new UnmaskError("timeout", "The API did not answer in time.", { cause })
    : new UnmaskError("connection_failed", "The API could not be reached.", { cause });
}

function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(new UnmaskError("aborted", "The call was aborted."));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, ms);
    if (signal?.aborted) abort();
    else signal?.addEventListener("abort", abort, { once: true });
  });
}
