/** A load generator: connections that each send the next request when the last one is answered. */
import { Client } from "undici";

/** One request, sent again and again. */
export interface LoadRequest {
  /** Without a path. */
  readonly origin: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON. */
  readonly body: string;
  /** All of it must be in every answer's body. */
  readonly expected: readonly string[];
}

/** What was seen. */
export interface LoadResult {
  /** Answers, each of status 200 and with what was expected. */
  readonly answerCount: number;
  readonly perSecond: number;
  /** Until the last byte, milliseconds. */
  readonly latenciesMs: readonly number[];
}

/**
 * Sends for `durationMs`, then waits for what is on its way: every request that was begun is answered
 * and counted.
 *
 * @throws Error at the first answer that is not what was expected.
 */
export async function runClosedLoop(
  request: LoadRequest,
  connectionCount: number,
  durationMs: number,
): Promise<LoadResult> {
  const latenciesMs: number[] = [];
  const clients = Array.from({ length: connectionCount }, () => new Client(request.origin));
  const startedAt = performance.now();
  const endsAt = startedAt + durationMs;
  try {
    await Promise.all(
      clients.map(async (client) => {
        while (performance.now() < endsAt) latenciesMs.push(await sendOnce(client, request));
      }),
    );
  } finally {
    await Promise.all(clients.map((client) => client.destroy()));
  }
  const seconds = (performance.now() - startedAt) / 1_000;
  const answerCount = latenciesMs.length;
  return { answerCount, perSecond: answerCount / seconds, latenciesMs };
}

/** Milliseconds until the answer was whole. */
async function sendOnce(
  client: Client,
  { path, headers, body, expected }: LoadRequest,
): Promise<number> {
  const startedAt = performance.now();
  const response = await client.request({ method: "POST", path, headers, body });
  const answer = await response.body.text();
  const latencyMs = performance.now() - startedAt;
  const isExpected = expected.every((part) => answer.includes(part));
  if (response.statusCode === 200 && isExpected) return latencyMs;
  throw new Error(`${path} answered ${response.statusCode}: ${answer.slice(0, 300)}`);
}
