import { createServer } from "node:net";

/** How often the parent's life is checked. */
const PARENT_CHECK_INTERVAL_MS = 250;

/**
 * Resolves at SIGINT, SIGTERM or when the parent process is gone: npm passes no SIGTERM on to its
 * script, so its death is the only sign that reaches us.
 */
export function untilStopped(): Promise<void> {
  return new Promise((resolve) => {
    const parentId = process.ppid;
    const timer = setInterval(() => {
      if (process.ppid !== parentId) stop();
    }, PARENT_CHECK_INTERVAL_MS);
    function stop(): void {
      clearInterval(timer);
      resolve();
    }
    process.on("SIGINT", stop);
    process.on("SIGTERM", stop);
  });
}

/** Tells whether a server can listen on `port` of the loopback interface; 0 always can. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
