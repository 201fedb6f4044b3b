import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { getRequestListener } from "@hono/node-server";

/** Longer than clients keep an idle connection, so that they close it and no request meets the end. */
const KEEP_ALIVE_TIMEOUT_MS = 75_000;
/**
 * A connection on which nothing moves for so long is cut, and with it what it keeps in memory: streams
 * have heartbeats, so nothing moves only where the client takes nothing.
 */
const STALLED_TIMEOUT_MS = 30_000;
/** Connections that are still open this long after the last answer are cut. */
const CLOSE_TIMEOUT_MS = 1_000;
/** How often connections are closed that have become idle while the server closes. */
const IDLE_SWEEP_INTERVAL_MS = 20;

/** A server that accepts connections. */
export interface RunningServer {
  /** Without a slash at the end. */
  readonly url: string;
  /** Accepts no more, lets answers end for a moment, then closes every connection. */
  close(): Promise<void>;
}

/** Where to listen. */
export interface ListenOptions {
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  /** Shorter for tests. */
  readonly stalledTimeoutMs?: number;
}

/**
 * Listens and resolves when connections are accepted.
 *
 * @throws the system's error when the address cannot be had.
 */
export async function startServer(
  fetch: (request: Request) => Response | Promise<Response>,
  { host, port, stalledTimeoutMs = STALLED_TIMEOUT_MS }: ListenOptions,
): Promise<RunningServer> {
  const server = createServer(getRequestListener(fetch));
  server.keepAliveTimeout = KEEP_ALIVE_TIMEOUT_MS;
  server.timeout = stalledTimeoutMs;
  server.listen(port, host);
  await once(server, "listening");
  const address = server.address() as AddressInfo;
  const name = address.family === "IPv6" ? `[${address.address}]` : address.address;
  return { url: `http://${name}:${address.port}`, close: () => close(server) };
}

async function close(server: Server): Promise<void> {
  const closed = once(server, "close");
  server.close();
  // A connection whose answer ends after this is kept alive, and would hold the server open.
  const sweep = setInterval(() => server.closeIdleConnections(), IDLE_SWEEP_INTERVAL_MS);
  const timer = setTimeout(() => server.closeAllConnections(), CLOSE_TIMEOUT_MS);
  await closed;
  clearInterval(sweep);
  clearTimeout(timer);
}
