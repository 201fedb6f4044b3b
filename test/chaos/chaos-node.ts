/** A node as a real process that a test ends, stops, drains and starts again as it likes. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { findFreePort } from "../../deploy/local/node-process.ts";
import { REPOSITORY_ROOT } from "../../deploy/local/paths.ts";

/** Longer than any start of the embedded model, also on a machine that is busy. */
const START_TIMEOUT_MS = 180_000;

/** What a node is started with. */
export interface ChaosNodeOptions {
  readonly name: string;
  readonly edgeUrl: string;
  readonly directory: string;
  readonly grantSecret: string;
}

/** A node that may be there or not, under one name and one port. */
export class ChaosNode {
  readonly name: string;
  readonly #environment: Readonly<Record<string, string>>;
  #child: ChildProcess | null = null;
  /** Everything that it wrote to its log, over all its lives. */
  log = "";

  private constructor({ name, edgeUrl, directory, grantSecret }: ChaosNodeOptions, port: number) {
    this.name = name;
    this.#environment = {
      UNMASK_NODE_ID: name,
      UNMASK_NODE_PORT: String(port),
      UNMASK_EDGE_URL: edgeUrl,
      UNMASK_SPOOL_DIRECTORY: join(directory, "receipts", name),
      UNMASK_GRANT_SECRET: grantSecret,
      UNMASK_PARENT_PID: String(process.pid),
      UNMASK_THREADS: "1",
      UNMASK_DRAIN_MS: "3000",
    };
  }

  /** Chooses a port; starts nothing yet. */
  static async create(options: ChaosNodeOptions): Promise<ChaosNode> {
    return new ChaosNode(options, await findFreePort());
  }

  get isAlive(): boolean {
    return this.#child !== null;
  }

  /** Starts it and waits until it listens. */
  async start(): Promise<void> {
    const child = spawn(process.execPath, [join(REPOSITORY_ROOT, "gpu-backend", "main.ts")], {
      cwd: REPOSITORY_ROOT,
      env: { ...process.env, ...this.#environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    child.once("exit", () => {
      if (this.#child === child) this.#child = null;
    });
    child.stderr.on("data", (chunk: Buffer) => {
      this.log += chunk.toString();
    });
    const signal = AbortSignal.timeout(START_TIMEOUT_MS);
    await Promise.race([
      once(child.stdout, "data", { signal }),
      once(child, "exit", { signal }).then(() => {
        throw new Error(`${this.name} did not start. ${this.log.slice(-500)}`);
      }),
    ]);
  }

  /** Sends it a signal; nothing where it is not there. */
  signal(name: "SIGKILL" | "SIGSTOP" | "SIGCONT" | "SIGTERM"): void {
    this.#child?.kill(name);
  }

  /** Ends it and waits until it is gone. */
  async end(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const child = this.#child;
    if (child === null) return;
    const exited = once(child, "exit");
    // A stopped process hears nothing but this.
    child.kill("SIGCONT");
    child.kill(signal);
    await exited;
  }
}
