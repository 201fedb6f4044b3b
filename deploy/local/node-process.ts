/**
 * One backend node as a child process: started, heard, asked to end.
 *
 * Does not own: whether there should be one, and what follows its death
 * (gpu-backend/autoscale/node-supervisor.ts).
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { z } from "zod";
import type { SupervisedNode } from "../../gpu-backend/autoscale/node-slot.ts";
import { REPOSITORY_ROOT } from "./paths.ts";

/** A node's process. */
export interface NodeProcess extends SupervisedNode {
  /** Resolves when it takes requests; rejects with its last words where it ends before. */
  readonly listening: Promise<void>;
  /** Where it takes requests; `null` before it does. */
  readonly url: string | null;
  /** Of the operating system; `undefined` where it could not be started. */
  readonly processId: number | undefined;
}

/**
 * Starts a node.
 *
 * @param environment `UNMASK_…` settings, see gpu-backend/config.ts.
 * @param writeLog Gets the node's log, line by line.
 */
export function startNodeProcess(
  environment: Readonly<Record<string, string>>,
  writeLog: (text: string) => void,
): NodeProcess {
  const child = spawn(process.execPath, [join(REPOSITORY_ROOT, "gpu-backend", "main.ts")], {
    cwd: REPOSITORY_ROOT,
    env: { ...process.env, ...environment, UNMASK_PARENT_PID: String(process.pid) },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let lastWords = "";
  createInterface({ input: child.stderr }).on("line", (line) => {
    lastWords = line;
    writeLog(`${line}\n`);
  });
  const exited = untilExited(child);
  const listening = Promise.withResolvers<void>();
  let url: string | null = null;
  createInterface({ input: child.stdout }).on("line", (line) => {
    if (!line.includes('"listening"')) return;
    url = readAddress(line);
    listening.resolve();
  });
  void exited.then((how) => {
    listening.reject(new Error(`The node ended with ${how}. ${lastWords}`));
  });
  return {
    processId: child.pid,
    get url() {
      return url;
    },
    listening: listening.promise,
    exited,
    drain: () => child.kill("SIGTERM"),
    kill: () => child.kill("SIGKILL"),
  };
}

function readAddress(line: string): string {
  return z.object({ url: z.url() }).parse(JSON.parse(line)).url;
}

/** When its process is gone and its last words are read: a signal's name, an exit code, or why it never was. */
function untilExited(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.on("error", (error) => {
      // One that lives has not taken a signal.
      if (child.pid === undefined) resolve(error.message);
    });
    child.once("close", (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
}

/** A port of the loopback interface that nobody listens on now. */
export function findFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
