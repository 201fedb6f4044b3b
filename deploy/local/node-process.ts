/**
 * One backend node as a child process: started, watched, started again when it dies, stopped.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createServer } from "node:net";
import { join } from "node:path";
import { REPOSITORY_ROOT } from "./paths.ts";

/** Pause before a node that died is started again. */
const RESTART_DELAY_MS = 1_000;
/** A drain that takes longer is cut short. */
const STOP_TIMEOUT_MS = 10_000;

/** A supervised node. */
export interface NodeProcess {
  readonly url: string;
  /** The current child's process id; for tests that kill it. */
  processId(): number | undefined;
  stop(): Promise<void>;
}

/**
 * Starts a node and waits until it listens.
 *
 * @param environment `UNMASK_…` settings, see gpu-backend/config.ts.
 * @param writeLog Gets the node's log lines and notes about restarts.
 * @throws Error with the node's last words when it exits before it listens.
 */
export async function startNodeProcess(
  environment: Readonly<Record<string, string>>,
  writeLog: (text: string) => void,
): Promise<NodeProcess> {
  // The port is fixed before the first start: a node that is started again must be found again.
  const port = await findFreePort();
  let isStopping = false;
  let child = await launch();

  async function launch(): Promise<ChildProcess> {
    const launched = spawnNode({ ...environment, UNMASK_NODE_PORT: String(port) });
    await untilListening(launched, writeLog);
    launched.once("exit", (code, signal) => {
      if (isStopping) return;
      writeLog(`The node stopped (${signal ?? code}); starting it again.\n`);
      void relaunch();
    });
    return launched;
  }

  async function relaunch(): Promise<void> {
    while (!isStopping) {
      await new Promise((resolve) => setTimeout(resolve, RESTART_DELAY_MS));
      try {
        if (!isStopping) child = await launch();
        return;
      } catch (error) {
        writeLog(`The node does not start: ${String(error)}\n`);
      }
    }
  }

  return {
    url: `http://127.0.0.1:${port}`,
    processId: () => child.pid,
    async stop() {
      isStopping = true;
      await stopChild(child);
    },
  };
}

function spawnNode(environment: Readonly<Record<string, string>>): ChildProcess {
  return spawn(process.execPath, [join(REPOSITORY_ROOT, "gpu-backend", "main.ts")], {
    cwd: REPOSITORY_ROOT,
    env: { ...process.env, ...environment, UNMASK_PARENT_PID: String(process.pid) },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

function untilListening(child: ChildProcess, writeLog: (text: string) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    let lastWords = "";
    child.stderr?.on("data", (chunk: Buffer) => {
      lastWords = chunk.toString();
      writeLog(lastWords);
    });
    child.stdout?.on("data", (chunk: Buffer) => {
      if (chunk.toString().includes('"listening"')) resolve();
    });
    child.once("error", reject);
    child.once("exit", (code) => {
      reject(new Error(`The node exited with code ${code}. ${lastWords.trim()}`));
    });
  });
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once("exit", resolve));
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
  child.kill("SIGTERM");
  await exited;
  clearTimeout(timer);
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
